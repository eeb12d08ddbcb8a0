import { pbkdf2Sync, randomBytes } from 'node:crypto';

/** As few as mosquitto_passwd takes: the passwords are random and long, there is nothing to guess. */
const ITERATIONS = 101;

/** A line of mosquitto's password file: PBKDF2 with SHA-512, a salt of 12 bytes. */
export function passwordLine(user: string, password: string, salt: Buffer = randomBytes(12)): string {
  const hash = pbkdf2Sync(password, salt, ITERATIONS, 64, 'sha512');
  return `${user}:$7$${ITERATIONS}$${salt.toString('base64')}$${hash.toString('base64')}`;
}
