import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import { findMosquitto, ManagedBroker } from './managed-broker.ts';
import { brokerCase } from './testing/broker.case.ts';

let root = '';
let stop = new AbortController();
let running: Promise<void>[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coracle-broker-'));
  chmodSync(root, 0o755);
  stop = new AbortController();
  running = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  rmSync(root, { recursive: true, force: true });
});

/** A program in the broker's place, written in shell. */
function broker(script: string): ManagedBroker {
  const program = join(root, 'mosquitto');
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  writeFileSync(join(root, 'seen'), '', { mode: 0o666 });
  chmodSync(join(root, 'seen'), 0o666);
  return new ManagedBroker({
    program,
    directory: join(root, 'run'),
    boards: { host: '127.0.0.1', port: 8883 },
    people: { host: '127.0.0.1', port: 8884 },
    localPort: 0,
    ca: 'the CA',
    cert: 'a certificate',
    key: 'a key',
    clock: systemClock,
    random: () => 0,
    log: createLogger('error'),
  });
}

const nodes = (...nodeNames: string[]) => ({ nodeNames, users: [] });

const start = (one: ManagedBroker, signal = stop.signal): void => void running.push(one.run(signal));

const seen = (): string[] => readFileSync(join(root, 'seen'), 'utf8').split('\n').filter(Boolean);

const until = (check: () => boolean): Promise<void> => expect.poll(check, { interval: 10 }).toBe(true);

const LIVES =
  'trap "exit 0" TERM; trap "echo reload >>$D/seen" HUP; echo start >>$D/seen; while :; do sleep 0.02; done';
const inRoot = (script: string): string => `D=${root}\n${script}`;

it('writes what the broker reads and nobody else can, before it starts', async () => {
  start(
    broker(
      inRoot('cat "$2" >/dev/null && cat $D/run/key 2>/dev/null; cat $D/run/server.key >>$D/seen; sleep 5'),
    ),
  );
  await until(() => seen().length > 0);
  expect(seen()).toEqual(['a key']);
  expect(statSync(join(root, 'run')).mode & 0o777).toBe(0o750);
  expect(statSync(join(root, 'run/server.key')).mode & 0o777).toBe(0o640);
});

it('starts the broker again when it ends', async () => {
  start(broker(inRoot('echo start >>$D/seen; exit 3')));
  await until(() => seen().length >= 2);
});

it('lets boards come and go while the broker runs', async () => {
  const one = broker(inRoot(LIVES));
  one.admit(nodes('pi-1'));
  start(one);
  await until(() => seen().includes('start'));
  const acl = () => readFileSync(join(root, 'run/acl'), 'utf8');
  expect(acl()).toContain('system:node:pi-1');
  one.admit(nodes('pi-1', 'pi-2'));
  await until(() => seen().includes('reload'));
  expect(acl()).toContain('system:node:pi-2');
  one.admit(nodes('pi-2', 'pi-1'));
  await systemClock.sleep(100);
  expect(seen()).toEqual(['start', 'reload']);
  const user = { name: 'telegraf', access: 'read-only', passwordHash: '$7$1$x$y' } as const;
  one.admit({ nodeNames: ['pi-1', 'pi-2'], users: [user] });
  await until(() => seen().length === 3);
  expect(readFileSync(join(root, 'run/passwords'), 'utf8')).toBe('telegraf:$7$1$x$y\n');
});

it('takes its keys away when it stops', async () => {
  start(broker(inRoot(LIVES)));
  await until(() => seen().includes('start'));
  stop.abort();
  await Promise.all(running);
  expect(existsSync(join(root, 'run'))).toBe(false);
});

it('ends the broker that a killed server left behind', async () => {
  const one = broker(inRoot(LIVES));
  mkdirSync(join(root, 'run'));
  const left = spawn(join(root, 'mosquitto'), ['-c', join(root, 'run/mosquitto.conf')]);
  const ended = new Promise((resolve) => left.once('exit', resolve));
  await until(() => seen().length === 1);
  writeFileSync(join(root, 'run/pid'), String(left.pid));
  start(one);
  await ended;
  await until(() => seen().filter((line) => line === 'start').length === 2);
});

it('ends a broker that does not answer, and starts another', async () => {
  const one = broker(inRoot(LIVES));
  start(one);
  await until(() => seen().length === 1);
  one.restart('it does not answer');
  await until(() => seen().filter((line) => line === 'start').length === 2);
});

it('goes on trying where the program can not be started, and stops when told', async () => {
  const one = broker('');
  rmSync(join(root, 'mosquitto'));
  start(one);
  await systemClock.sleep(50);
  stop.abort();
  await Promise.all(running);
});

it('finds the program, or says that there is none', () => {
  broker('');
  expect(findMosquitto(`/nowhere:${root}`)).toBe(join(root, 'mosquitto'));
});

describe('with the real mosquitto', () =>
  brokerCase(
    (options, directory) =>
      new ManagedBroker({ ...options, directory, program: findMosquitto('') ?? 'mosquitto' }),
  ));
