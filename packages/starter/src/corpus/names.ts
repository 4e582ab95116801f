/**
 * Invented names, built from syllables. Each name belongs to one side by its hash: an eighth of them is held out, so that
 * a held-out task never shows a name the model was trained on.
 */
import { hashText, type Random } from './random.ts';
import type { Split } from './skill.ts';

const onsets = [
  'b',
  'br',
  'c',
  'cl',
  'd',
  'dr',
  'f',
  'g',
  'gr',
  'h',
  'j',
  'k',
  'l',
  'm',
  'n',
  'p',
  'pr',
  'r',
  's',
  'st',
  't',
  'tr',
  'v',
  'w',
  'z',
];
const vowels = ['a', 'e', 'i', 'o', 'u', 'ai', 'ea', 'ou'];
const codas = ['', '', '', 'l', 'n', 'r', 's', 'm', 'nd', 'rt', 'sk', 'th', 'x', 'ck'];
const personEndings = ['a', 'o', 'en', 'in', 'y', 'ia', 'us', 'el', 'ik', 'ette'];
const placeEndings = ['ton', 'ville', 'ford', 'burg', 'mouth', 'field', 'stad', 'dale', 'haven', 'wick'];
const companyEndings = [
  'Works',
  'Labs',
  'Foods',
  'Systems',
  'Motors',
  'Bank',
  'Media',
  'Tools',
  'Airlines',
  'Studio',
  'Energy',
  'Books',
];
const productNouns = [
  'lamp',
  'kettle',
  'phone',
  'camera',
  'printer',
  'bicycle',
  'router',
  'speaker',
  'watch',
  'chair',
  'tent',
  'drill',
  'heater',
  'backpack',
  'tablet',
  'scooter',
  'radio',
  'fridge',
  'toaster',
  'keyboard',
  'monitor',
  'jacket',
  'blender',
  'vacuum',
];

/** One held-out name in so many. */
const heldOutEvery = 8;

export function sideOf(name: string): Split {
  return hashText(name) % heldOutEvery === 0 ? 'heldOut' : 'train';
}

function syllable(random: Random, closed: boolean): string {
  return random.pick(onsets) + random.pick(vowels) + (closed ? random.pick(codas) : '');
}

/** Draws until the name lies on the wanted side. */
function onSide(split: Split, make: () => string): string {
  for (;;) {
    const name = make();
    if (sideOf(name) === split) return name;
  }
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** A given name such as `Marlo`. */
export function givenName(random: Random, split: Split): string {
  return onSide(split, () => {
    const stem = random.chance(0.5)
      ? syllable(random, true)
      : syllable(random, false) + random.pick(['l', 'n', 'r', 'm', 'v', 'd', 's', 'k']);
    return capitalised(stem + random.pick(personEndings));
  });
}

/** A family name such as `Brandon` or `Stourk`. */
export function familyName(random: Random, split: Split): string {
  return onSide(split, () =>
    capitalised(
      syllable(random, true) + random.pick(['er', 'man', 'son', 'well', 'ley', 'ard', 'ow', 'ini', 'ov', 'ka']),
    ),
  );
}

export function personName(random: Random, split: Split): string {
  return `${givenName(random, split)} ${familyName(random, split)}`;
}

export function placeName(random: Random, split: Split): string {
  return onSide(split, () => capitalised(syllable(random, true) + random.pick(placeEndings)));
}

/** A word such as `Velora`: brands, rivers, ships, planets. */
export function coinedName(random: Random, split: Split): string {
  return onSide(split, () =>
    capitalised(
      syllable(random, false) +
        syllable(random, random.chance(0.6)) +
        (random.chance(0.4) ? random.pick(['a', 'o', 'ix', 'us', 'on']) : ''),
    ),
  );
}

export function companyName(random: Random, split: Split): string {
  return `${coinedName(random, split)} ${random.pick(companyEndings)}`;
}

/** A product such as `Velora lamp`. */
export function productName(random: Random, split: Split): string {
  return `${coinedName(random, split)} ${random.pick(productNouns)}`;
}

/** A code such as `KT-482`. */
export function code(random: Random): string {
  const letters = 'ABCDEFGHJKLMNPRSTUVWXYZ';
  const letter = () => letters.charAt(random.integer(0, letters.length - 1));
  return `${letter()}${letter()}-${random.integer(100, 999)}`;
}
