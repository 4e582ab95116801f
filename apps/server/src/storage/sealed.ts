/** Secrets of users at rest: AES-256-GCM, a nonce of 12 bytes and a tag of 16 before the text. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;

export type Seal = {
  /** `context` says whose secret it is: opened in another place it is no secret. */
  close(text: string, context: string): Buffer;
  /** Throws when the bytes are not what `close` gave for this context. */
  open(sealed: Buffer, context: string): string;
};

/** `secret`: as a secret file holds it. */
export function createSeal(secret: string): Seal {
  const key = createHash('sha256').update(secret).digest();
  return {
    close(text, context) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
      const closed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), closed]);
    },
    open(sealed, context) {
      const nonce = sealed.subarray(0, nonceBytes);
      const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
      return Buffer.concat([cipher.update(sealed.subarray(nonceBytes + tagBytes)), cipher.final()]).toString();
    },
  };
}
