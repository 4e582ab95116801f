import type { Metadata } from './family.ts';

/** Metadata entries under an architecture's prefix; undefined values are left out. */
export function entries(architecture: string): {
  list: Metadata;
  whole(key: string, value: number | undefined): void;
  real(key: string, value: number | undefined): void;
  text(key: string, value: string): void;
  flag(key: string, value: boolean): void;
  flags(key: string, value: readonly boolean[]): void;
} {
  const list: Metadata = [];
  const name = (key: string): string => `${architecture}.${key}`;
  return {
    list,
    whole: (key, value) => {
      if (value !== undefined) list.push([name(key), { type: 'UINT32', value }]);
    },
    real: (key, value) => {
      if (value !== undefined) list.push([name(key), { type: 'FLOAT32', value }]);
    },
    text: (key, value) => void list.push([name(key), { type: 'STRING', value }]),
    flag: (key, value) => void list.push([name(key), { type: 'BOOL', value }]),
    flags: (key, value) => void list.push([name(key), { type: 'ARRAY', items: 'BOOL', value }]),
  };
}
