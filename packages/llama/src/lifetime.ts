import { AtelierError } from '@atelier/errors';

/**
 * Keeps native objects in order: what others still use cannot be given back, what was given back cannot be used, and
 * giving back twice does nothing. Misuse is an error here and a crash of the process in native code.
 */
export class Lifetime {
  private readonly name: string;
  private readonly users = new Map<string, number>();
  private ended = false;

  /** `name` is what errors call the object. */
  constructor(name: string) {
    this.name = name;
  }

  /** Throws when the object was disposed. */
  check(): void {
    if (this.ended) throw new AtelierError('conflict', { reason: `The ${this.name} was used after it was disposed` });
  }

  /** Holds the object until the returned function is called; `user` names the holder in errors. */
  hold(user: string): () => void {
    this.check();
    this.users.set(user, (this.users.get(user) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.users.get(user) ?? 0) - 1;
      if (left > 0) this.users.set(user, left);
      else this.users.delete(user);
    };
  }

  /** Runs `release` once; throws, and changes nothing, while anything holds the object. */
  end(release: () => void): void {
    if (this.ended) return;
    if (this.users.size > 0) {
      const held = [...this.users].map(([user, count]) => `${count} ${user}`).join(', ');
      throw new AtelierError('conflict', { reason: `The ${this.name} cannot be disposed while in use (${held})` });
    }
    this.ended = true;
    release();
  }
}
