import { expect, it } from 'vitest';
import { isElsewhere } from './external-names.ts';

it.each([
  ['192.0.2.7', true],
  ['10.43.0.20', true],
  ['169.253.0.1', true],
  ['127.0.0.1', false],
  ['127.9.9.9', false],
  ['0.0.0.0', false],
  ['169.254.169.254', false],
  ['224.0.0.251', false],
  ['255.255.255.255', false],
])('a name of the world may stand for %s: %s', (ip, may) => {
  expect(isElsewhere(ip)).toBe(may);
});
