/**
 * Formats of strings as patterns. Each text of a pattern is valid for its format, though not every valid one has to be among
 * them: no leap seconds, no quoted local parts of addresses.
 */
const year = String.raw`(?:\d{2}(?:0[1-9]|[1-9]\d)|(?:0[1-9]|[1-9]\d)00)`;
const leapYear = String.raw`(?:\d{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)`;
const day = String.raw`(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))`;
const date = `(?:${year}-${day}|${leapYear}-02-29)`;
const time = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)`;
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?';
const domain = String.raw`(?:${label}\.){1,4}[a-zA-Z]{2,12}`;
const byte = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const ipv4 = String.raw`(?:${byte}\.){3}${byte}`;
const atom = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,20}";
const path = String.raw`[a-zA-Z0-9._~!$&'()*+,;=:@/-]`;

const patterns: Readonly<Record<string, string>> = {
  date,
  time,
  'date-time': `${date}T${time}`,
  duration: String.raw`P(?:\d{1,4}Y(?:\d{1,2}M(?:\d{1,2}D)?)?|\d{1,2}M(?:\d{1,2}D)?|\d{1,3}D|\d{1,3}W|T(?:\d{1,2}H(?:\d{1,2}M(?:\d{1,2}S)?)?|\d{1,2}M(?:\d{1,2}S)?|\d{1,4}S))`,
  uuid: '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}',
  email: String.raw`${atom}(?:\.${atom}){0,2}@${domain}`,
  hostname: domain,
  ipv4,
  ipv6: '(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}',
  uri: String.raw`https?://${domain}(?::[1-9]\d{1,3})?(?:/${path}{0,200})?(?:\?${path}{0,200})?`,
};

/** The pattern of a format, anchored; undefined for formats that are not known. */
export function formatPattern(format: string): string | undefined {
  return Object.hasOwn(patterns, format) ? `^${patterns[format]!}$` : undefined;
}

export const knownFormats: readonly string[] = Object.keys(patterns);
