import { pbkdf2, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** As few as mosquitto_passwd takes: the passwords are random and long, there is nothing to guess. */
const ITERATIONS = 101;
const MAX_ITERATIONS = 100_000;
const HASH_BYTES = 64;
const FORM = /^\$7\$([1-9]\d{0,6})\$([A-Za-z0-9+/]{8,64}={0,2})\$([A-Za-z0-9+/]{86}==)$/;
const derive = promisify(pbkdf2);

/** As mosquitto's password file has it: PBKDF2 with SHA-512, a salt of 12 bytes. */
export function hashPassword(password: string, salt: Buffer = randomBytes(12)): string {
  const hash = pbkdf2Sync(password, salt, ITERATIONS, HASH_BYTES, 'sha512');
  return `$7$${ITERATIONS}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/** Whether it is a hash of this form, by us or by `mosquitto_passwd`. */
export const isPasswordHash = (text: string): boolean =>
  Number(FORM.exec(text)?.[1] ?? 0) <= MAX_ITERATIONS && FORM.test(text);

/** Whether it is the password of that hash; false for a hash of another form. */
export async function isPassword(password: string, stored: string): Promise<boolean> {
  const [, iterations, salt = '', hash = ''] = FORM.exec(stored) ?? [];
  if (!isPasswordHash(stored)) return false;
  const derived = await derive(
    password,
    Buffer.from(salt, 'base64'),
    Number(iterations),
    HASH_BYTES,
    'sha512',
  );
  return timingSafeEqual(derived, Buffer.from(hash, 'base64'));
}
