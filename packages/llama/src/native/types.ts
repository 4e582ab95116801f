import koffi, { type TypeObject } from 'koffi';
import { structLayouts, type Structs } from '../generated/structs.ts';

const known = new Map<string, TypeObject>();

/** The koffi type of a word used in the generated prototypes and layouts: `int32_t`, `struct:llama_batch`, `size_t[4]`. */
export function koffiType(word: string): TypeObject {
  const found = known.get(word);
  if (found) return found;
  const type = makeType(word);
  known.set(word, type);
  return type;
}

export function structType(name: keyof Structs): TypeObject {
  return koffiType(`struct:${name}`);
}

/** Splits `result(parameter, parameter)`. */
export function parsePrototype(prototype: string): { result: TypeObject; parameters: TypeObject[] } {
  const open = prototype.indexOf('(');
  const list = prototype.slice(open + 1, -1);
  return {
    result: koffiType(prototype.slice(0, open)),
    parameters: list === '' ? [] : list.split(', ').map(koffiType),
  };
}

function makeType(word: string): TypeObject {
  if (word.startsWith('struct:')) {
    const { union, fields } = structLayouts[word.slice('struct:'.length) as keyof Structs];
    const members = Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, koffiType(type)]));
    // Anonymous: koffi's names are global to the process, and this module may be loaded more than once.
    return union ? koffi.union(members) : koffi.struct(members);
  }
  const array = /^(.*)\[(\d+)\]$/.exec(word);
  if (array) return koffi.array(koffiType(array[1] ?? ''), Number(array[2]));
  return koffi.type(word);
}
