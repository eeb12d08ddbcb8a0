/**
 * Clocks that begin in 1970, stand still while the power is off, or are years ahead: a preloaded library shows programs another time,
 * and a `date` of ours is the only one that they find, so that setting the clock moves that time and not this machine's.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Lease } from '#proto/schema/generated/coordination-v1.ts';
import type { Board } from '../support/boards/board.ts';
import { eventually, throughout } from '../support/boards/eventually.ts';
import { containersOf, tasksOn } from '../support/cluster/containers.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const DAY_MS = 86_400_000;
const LIBRARIES = '/usr/lib';

/** What programs that are started with `env` see of the time. */
class FakeTime {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    const date = join(directory, 'date');
    writeFileSync(
      date,
      `#!/bin/sh
[ -e ${directory}/stuck ] && exit 1
case "$3" in @*) ;; *) exit 1 ;; esac
now=$(LD_PRELOAD= /bin/date +%s)
printf '%+d' $((\${3#@} - now)) >${directory}/offset
`,
    );
    chmodSync(date, 0o755);
    this.offsetMs = 0;
  }

  set offsetMs(ms: number) {
    const seconds = Math.round(ms / 1000);
    writeFileSync(join(this.#directory, 'offset'), `${seconds < 0 ? '' : '+'}${seconds}`);
  }

  /** As where a program may not set the clock. */
  set isStuck(stuck: boolean) {
    const path = join(this.#directory, 'stuck');
    if (stuck) writeFileSync(path, '');
    else rmSync(path, { force: true });
  }

  get env(): Readonly<Record<string, string>> {
    const library = readdirSync(LIBRARIES)
      .map((name) => join(LIBRARIES, name, 'faketime/libfaketime.so.1'))
      .find((path) => existsSync(path));
    if (!library) throw new Error('libfaketime is not installed: see firmware-images/host/setup.sh');
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: join(this.#directory, 'offset'),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      PATH: `${this.#directory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    };
  }
}

const times = (log: string, text: string): number => log.split(text).length - 1;

describe('a board', () => {
  const cluster = useCluster({ boards: 1, agentFlags: ['--set-clock', 'on'] });
  const theBoard = (): Board => cluster().boards[0] as Board;
  let time: FakeTime;

  it('in 1970 starts its Pods at once, and is a node of a server that has the time', async () => {
    await apply(cluster(), helloDeployment('web', 2));
    await cluster().readyPods('app=web', 2);
    const board = theBoard();
    time = new FakeTime(join(cluster().lan.directory, 'time'));
    board.setEnvironment('agent', time.env);
    const running = (await tasksOn(board)).match(/RUNNING/g)?.length ?? 0;
    await cluster().server.stop();
    await board.powerCut();
    time.offsetMs = 60_000 - Date.now();
    time.isStuck = true;
    await board.boot();
    await eventually(
      async () => expect((await tasksOn(board)).match(/RUNNING/g)).toHaveLength(running) ?? true,
    );
    const tasks = await tasksOn(board);
    await throughout(3_000, async () => expect(await tasksOn(board)).toBe(tasks), 1_000);
    expect(board.log('agent')).toMatch(/1970-01-01T.*can not be set/);

    await cluster().server.start();
    await eventually(
      () => expect(board.log('agent')).toMatch(/1970-01-01T.*connected to the server/) ?? true,
      { timeoutMs: 60_000 },
    );
    // What was told of Pods before the power cut stands until the board has told anew.
    await eventually(async () => {
      const told = Object.values(await containersOf(cluster(), 'app=web'));
      return told.every((one) => tasks.includes(one.replace(/^containerd:\/\/| .*$/g, '')));
    });
    await cluster().nodesReady();
    await cluster().readyPods('app=web', 2);
    expect(await tasksOn(board)).toBe(tasks);
  });

  it('takes the last time that it wrote down, then its server’s, and touches no Pod for it', async () => {
    const board = theBoard();
    const tasks = await tasksOn(board);
    const before = await containersOf(cluster(), 'app=web');
    const yesterday = Date.now() - DAY_MS;
    writeFileSync(join(board.directory, 'disk/var/lib/coracle/agent/clock'), String(yesterday));
    time.isStuck = false;
    await board.killService('agent');
    await eventually(() => times(board.log('agent'), 'clock set') === 2);
    const log = board.log('agent');
    const setTo = (why: string) =>
      Date.parse(new RegExp(`clock set to=(\\S+) .*${why}`).exec(log)?.[1] ?? '');
    expect(setTo('the last time that is known')).toBe(yesterday);
    expect(Math.abs(setTo('follows the server') - Date.now())).toBeLessThan(DAY_MS / 2);
    await eventually(async () => {
      const lease = await cluster().kubectl.json<Lease>(`get lease -n kube-node-lease ${board.name}`);
      return Math.abs(Date.parse(lease.spec.renewTime ?? '') - Date.now()) < 60_000;
    });
    await cluster().readyPods('app=web', 2);
    expect(await tasksOn(board)).toBe(tasks);
    expect(await containersOf(cluster(), 'app=web')).toEqual(before);
  });

  it('years ahead asks the server for the time, whose certificate has ended for it', async () => {
    const board = theBoard();
    const tasks = await tasksOn(board);
    time.offsetMs = 5_000 * DAY_MS;
    await board.killService('agent');
    await eventually(() => times(board.log('agent'), 'clock set') === 3, { timeoutMs: 60_000 });
    await eventually(() =>
      /clock set(.|\n)*connected to the server(.|\n)*clock set(.|\n)*connected/.test(board.log('agent')),
    );
    await cluster().nodesReady();
    expect(await tasksOn(board)).toBe(tasks);
  });
});

describe('a server', () => {
  let time: FakeTime | undefined;
  const cluster = useCluster({
    boards: 1,
    serverEnv: (lan) => {
      time = new FakeTime(join(lan.directory, 'time'));
      time.offsetMs = 60_000 - Date.now();
      time.isStuck = true;
      return time.env;
    },
  });
  const kubectl = (args: string) => cluster().kubectl.ok(args);

  it('in 1970 runs a cluster, and goes on when the time arrives that ends all its certificates', async () => {
    await apply(cluster(), helloDeployment('web', 1), {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'long' },
      spec: {
        activeDeadlineSeconds: 3600,
        template: {
          spec: {
            restartPolicy: 'Never',
            terminationGracePeriodSeconds: 1,
            containers: [{ name: 'main', image: 'coracle.local/busybox:1', command: ['sleep', '1000'] }],
          },
        },
      },
    });
    await cluster().readyPods('app=web', 1);
    await cluster().readyPods('job-name=long', 1);
    expect(await kubectl('get job long -o jsonpath={.status.startTime}')).toMatch(/^1970/);
    const [board] = cluster().boards as [Board];
    const tasks = await tasksOn(board);

    if (!time) throw new Error('the server has no fake time');
    time.offsetMs = 500 * DAY_MS;
    await eventually(() => cluster().server.log().includes('certificates renewed'));
    await throughout(
      3_000,
      async () => expect(await kubectl('get events -A')).not.toContain('NodeNotReady'),
      1_000,
    );
    // What comes anew meets certificates of the new time; the board's own has ended, and its key stands in for it.
    await board.killService('agent');
    await eventually(
      () => expect(board.log('agent')).toContain('the certificate was not good any more') ?? true,
      {
        timeoutMs: 60_000,
      },
    );
    await cluster().nodesReady();
    await cluster().readyPods('app=web', 1);
    await cluster().readyPods('job-name=long', 1);
    expect(await kubectl('get job long -o jsonpath={.status.active}')).toBe('1');
    expect(await tasksOn(board)).toBe(tasks);
  });
});
