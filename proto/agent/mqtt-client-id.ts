import { createHmac } from 'node:crypto';

/**
 * The id of a client at the broker: the same as long as its key is, and not to be guessed. Whoever knew it could take the
 * session over, for brokers let any user choose any id.
 */
export const clientIdOf = (name: string, key: string): string =>
  `${name}-${createHmac('sha256', key).update('mqtt client id').digest('hex').slice(0, 16)}`;
