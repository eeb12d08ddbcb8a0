import { createHash, randomInt, timingSafeEqual } from 'node:crypto';

/** The two parts of `abcdef.0123456789abcdef`: the id may be told, the secret not. */
export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

const FORM = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Undefined where the text is no bootstrap token. */
export function parseToken(text: string): BootstrapToken | undefined {
  const [, id, secret] = FORM.exec(text) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret } : undefined;
}

export const formatToken = ({ id, secret }: BootstrapToken): string => `${id}.${secret}`;

export function generateToken(): BootstrapToken {
  const letters = (n: number): string =>
    Array.from({ length: n }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return { id: letters(6), secret: letters(16) };
}

/** Equal, in a time that does not tell where they differ, whatever their lengths. */
export function sameSecret(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
