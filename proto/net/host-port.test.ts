import { expect, it } from 'vitest';
import { bareHost, hostPort } from './host-port.ts';

it.each([
  ['10.42.0.7', '10.42.0.7:443'],
  ['pi.local', 'pi.local:443'],
  ['fd00::7', '[fd00::7]:443'],
  ['fe80::1%eth0', '[fe80::1%eth0]:443'],
  ['[fd00::7]', '[fd00::7]:443'],
])('%s with a port is %s', (host, text) => {
  expect(hostPort(host, 443)).toBe(text);
});

it.each([
  ['https://[fd00::7]:443', 'fd00::7'],
  ['https://10.42.0.7', '10.42.0.7'],
  ['https://pi.local:443', 'pi.local'],
])('the host of %s is dialled as %s', (url, host) => {
  expect(bareHost(new URL(url).hostname)).toBe(host);
});
