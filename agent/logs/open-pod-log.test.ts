import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DesiredState } from '#agent/link/cluster.ts';
import { aContainer, aSandbox } from '#agent/runtime/fake/configs.ts';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { systemClock } from '#proto/meta/clock.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { openPodLog } from './open-pod-log.ts';

const image = 'coracle.test/busybox:1';
let logsDir: string;
beforeEach(async () => {
  logsDir = await mkdtemp(join(tmpdir(), 'coracle-pod-logs-'));
});
afterEach(() => rm(logsDir, { recursive: true }));

/** A pod of one container, which has run as often as it has logs. */
async function setUp(
  runs: readonly { readonly text: string; readonly exitCode?: number }[],
  restartPolicy = 'Always',
) {
  const runtime = new FakeRuntime({ images: [image] });
  const sandbox = aSandbox({ uid: 'u' });
  const sandboxId = await runtime.runSandbox(sandbox);
  await mkdir(join(logsDir, 'default_web_u/main'), { recursive: true });
  for (const [attempt, { text, exitCode }] of runs.entries()) {
    const id = await runtime.createContainer(sandboxId, aContainer({ attempt }));
    await runtime.startContainer(id);
    await writeFile(
      join(logsDir, `default_web_u/main/${attempt}.log`),
      `2026-01-01T00:00:00Z stdout F ${text}\n`,
    );
    if (exitCode !== undefined) runtime.exit(id, exitCode);
  }
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'default', uid: 'u' },
    spec: { containers: [{ name: 'main' }], restartPolicy },
  };
  const desired: DesiredState = {
    complete: true,
    pods: () => [pod],
    node: () => undefined,
    configMap: () => undefined,
    secret: () => undefined,
    list: () => [],
    onChange: () => () => {},
  };
  return async (query: string, container = 'main'): Promise<string> => {
    const request = { namespace: 'default', pod: 'web', uid: 'u', container, query };
    const deps = { runtime, desired, logsDir, clock: systemClock };
    const parts: Uint8Array[] = [];
    for await (const part of await openPodLog(deps, request, new AbortController().signal)) parts.push(part);
    return Buffer.concat(parts).toString();
  };
}

it('is the log of the newest run, of the only container if none is named', async () => {
  const log = await setUp([{ text: 'first', exitCode: 1 }, { text: 'second' }]);
  expect(await log('')).toBe('second\n');
  expect(await log('tailLines=1', '')).toBe('second\n');
  expect(await log('previous=true')).toBe('first\n');
});

it('is of a run that waits for its restart, which is the previous one too', async () => {
  const log = await setUp([
    { text: 'first', exitCode: 1 },
    { text: 'second', exitCode: 1 },
  ]);
  expect(await log('')).toBe('second\n');
  expect(await log('previous=true')).toBe('second\n');
});

it('has nothing before the only run of a container that has ended for good', async () => {
  const log = await setUp([{ text: 'only', exitCode: 0 }], 'OnFailure');
  expect(await log('follow=true')).toBe('only\n');
  await expect(log('previous=true')).rejects.toMatchObject({
    code: 400,
    message: 'previous terminated container "main" in pod "web" not found',
  });
});

it('says that a container waits to start', async () => {
  const log = await setUp([]);
  await expect(log('')).rejects.toMatchObject({
    code: 400,
    message: 'container "main" in pod "web" is waiting to start: ContainerCreating',
  });
});
