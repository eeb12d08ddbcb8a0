import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silent } from '#proto/meta/log.ts';
import { forwardIpv6, prepareKernel } from './kernel.ts';

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'coracle-proc-'));
});
afterEach(() => rmSync(proc, { recursive: true }));
const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(proc, path)), { recursive: true });
  writeFileSync(join(proc, path), text);
};
const read = (path: string): string => readFileSync(join(proc, path), 'utf8').trim();

it('forwards, and sends what crosses a bridge through netfilter, with the module where that is missing', async () => {
  put('ipv4/ip_forward', '0\n');
  const ran: string[] = [];
  const load = async (program: string, args: readonly string[]): Promise<string> => {
    ran.push(`${program} ${args.join(' ')}`);
    for (const version of ['ip', 'ip6']) put(`bridge/bridge-nf-call-${version}tables`, '0\n');
    return '';
  };
  const without = async (): Promise<string> => Promise.reject(new Error('no module'));
  expect(await prepareKernel(without, silent, proc)).toBe(false);
  expect(await prepareKernel(load, silent, proc)).toBe(true);
  expect(await prepareKernel(load, silent, proc)).toBe(true);
  expect(ran).toEqual(['modprobe br_netfilter']);
  expect(
    ['ipv4/ip_forward', 'bridge/bridge-nf-call-iptables', 'bridge/bridge-nf-call-ip6tables'].map(read),
  ).toEqual(['1', '1', '1']);
});

it('forwards IPv6 and goes on listening to routers where it did', async () => {
  for (const [name, value] of Object.entries({ all: '1', eth0: '1', wlan0: '2', lo: '0' }))
    put(`ipv6/conf/${name}/accept_ra`, value);
  put('ipv6/conf/all/forwarding', '0');
  await forwardIpv6(silent, proc);
  expect(['all', 'eth0', 'wlan0', 'lo'].map((name) => read(`ipv6/conf/${name}/accept_ra`))).toEqual([
    '1',
    '2',
    '2',
    '0',
  ]);
  expect(read('ipv6/conf/all/forwarding')).toBe('1');
});
