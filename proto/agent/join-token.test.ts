import { describe, expect, it } from 'vitest';
import { formatJoinToken, parseJoinToken } from './join-token.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const PIN = '0123456789abcdef'.repeat(4);

describe('join tokens', () => {
  it.each([
    [{ token: TOKEN, caPin: PIN }, `${TOKEN}@${PIN}`],
    [{ token: TOKEN, caPin: undefined }, TOKEN],
    [{ token: 'a-word-of-the-operator', caPin: PIN }, `a-word-of-the-operator@${PIN}`],
  ])('writes and reads %o', (token, text) => {
    expect(formatJoinToken(token)).toBe(text);
    expect(parseJoinToken(`  ${text}\n`)).toEqual(token);
  });

  it('takes a pin as certificates show it', () => {
    expect(formatJoinToken({ token: TOKEN, caPin: `sha256:${PIN}` })).toBe(`${TOKEN}@${PIN}`);
    expect(parseJoinToken(`${TOKEN}@${PIN.toUpperCase()}`).caPin).toBe(PIN);
  });

  it.each([
    ['', 'is empty'],
    [`@${PIN}`, 'is empty'],
    [`${TOKEN}@`, 'pasted whole'],
    [`${TOKEN}@${PIN.slice(1)}`, 'CA pin of 63 characters'],
    [`${TOKEN}@${'g'.repeat(64)}`, '64 hex digits'],
    [`abc def@${PIN}`, 'do not belong'],
    [`a@b@${PIN}`, 'do not belong'],
  ])('refuses %j', (text, why) => {
    expect(() => parseJoinToken(text)).toThrow(why);
    expect(() => parseJoinToken(text)).not.toThrow(TOKEN);
  });
});
