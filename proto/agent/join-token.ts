/** What one board needs to join: `<id>.<secret>`, and after `@` the pin of the cluster's CA. */
export interface JoinToken {
  /** `id.secret`: a bootstrap token, or a word that the operator gave the server. */
  readonly token: string;
  /** SHA-256 of the CA's public key, 64 lower-case hex digits; undefined: whoever answers first is trusted. */
  readonly caPin: string | undefined;
}

const PIN = /^[0-9a-f]{64}$/;

/** The text is no join token; the message says what is wrong with it, and never the secret. */
export class JoinTokenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JoinTokenError';
  }
}

/** One line to paste on the other board. `caPin` may carry the `sha256:` that certificates' pins are shown with. */
export function formatJoinToken({ token, caPin }: JoinToken): string {
  return caPin === undefined ? token : `${token}@${checkedPin(caPin)}`;
}

/** Reads what a person pasted; throws a {@link JoinTokenError}. */
export function parseJoinToken(text: string): JoinToken {
  const line = text.trim();
  const at = line.lastIndexOf('@');
  const token = at < 0 ? line : line.slice(0, at);
  if (token === '') throw new JoinTokenError('the join token is empty');
  if (!/^[!-~]+$/.test(token) || token.includes('@'))
    throw new JoinTokenError(
      'the join token is not of the form <id>.<secret>@<pin>: it has characters that do not belong there',
    );
  return { token, caPin: at < 0 ? undefined : checkedPin(line.slice(at + 1)) };
}

function checkedPin(text: string): string {
  const pin = text.replace(/^sha256:/i, '').toLowerCase();
  if (PIN.test(pin)) return pin;
  throw new JoinTokenError(
    `the join token ends in a CA pin of ${pin.length} characters, expected 64 hex digits: was it pasted whole?`,
  );
}
