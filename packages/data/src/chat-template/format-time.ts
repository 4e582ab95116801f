const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

const directives: Record<string, (time: Date) => string> = {
  Y: (t) => String(t.getUTCFullYear()),
  y: (t) => pad(t.getUTCFullYear() % 100),
  m: (t) => pad(t.getUTCMonth() + 1),
  d: (t) => pad(t.getUTCDate()),
  e: (t) => String(t.getUTCDate()).padStart(2),
  B: (t) => months[t.getUTCMonth()]!,
  b: (t) => months[t.getUTCMonth()]!.slice(0, 3),
  A: (t) => days[t.getUTCDay()]!,
  a: (t) => days[t.getUTCDay()]!.slice(0, 3),
  H: (t) => pad(t.getUTCHours()),
  I: (t) => pad(t.getUTCHours() % 12 || 12),
  p: (t) => (t.getUTCHours() < 12 ? 'AM' : 'PM'),
  M: (t) => pad(t.getUTCMinutes()),
  S: (t) => pad(t.getUTCSeconds()),
  j: (t) =>
    pad(
      1 +
        Math.floor(
          (Date.UTC(t.getUTCFullYear(), t.getUTCMonth(), t.getUTCDate()) - Date.UTC(t.getUTCFullYear(), 0, 1)) /
            86_400_000,
        ),
      3,
    ),
  Z: () => 'UTC',
  F: (t) => t.toISOString().slice(0, 10),
  T: (t) => t.toISOString().slice(11, 19),
  '%': () => '%',
};

/** strftime of the C locale, in UTC so that a prompt does not depend on the machine; unknown directives stay as they are. */
export function formatTime(time: Date, format: string): string {
  return format.replace(/%(.)/g, (whole, directive: string) => directives[directive]?.(time) ?? whole);
}
