import { describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { describeRuntime } from '../runtime.case.ts';
import { RuntimeError } from '../runtime.ts';
import { aContainer, aSandbox } from './configs.ts';
import { FakeRuntime } from './fake-runtime.ts';

const image = 'coracle.test/busybox:1';

describeRuntime('the fake', async () => ({
  runtime: new FakeRuntime({ images: [image] }),
  image,
  directory: '/nowhere',
}));

describe('what a test does to the fake', () => {
  const running = async () => {
    const clock = new FakeClock();
    const runtime = new FakeRuntime({ clock, images: [image] });
    const sandboxId = await runtime.runSandbox(aSandbox());
    const id = await runtime.createContainer(sandboxId, aContainer());
    await runtime.startContainer(id);
    return { clock, runtime, sandboxId, id };
  };

  it('ends a container by OOM', async () => {
    const { runtime, id } = await running();
    runtime.oom(id);
    expect(await runtime.containerStatus(id)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  it('waits for the grace of a container that ignores SIGTERM', async () => {
    const { clock, runtime, id } = await running();
    runtime.behaviour = () => ({ type: 'run', ignoresTerm: true });
    const stopping = runtime.stopContainer(id, 30);
    await clock.advance(29_000);
    expect((await runtime.containerStatus(id)).state).toBe('running');
    await clock.advance(1000);
    await stopping;
    expect((await runtime.containerStatus(id)).exitCode).toBe(137);
  });

  it('remembers everything and runs nothing after a reboot', async () => {
    const { runtime, sandboxId, id } = await running();
    runtime.reboot();
    expect((await runtime.sandboxStatus(sandboxId)).ready).toBe(false);
    expect(await runtime.containerStatus(id)).toMatchObject({
      state: 'exited',
      exitCode: 255,
      reason: 'Unknown',
    });
  });

  it('is unavailable while it is down', async () => {
    const { runtime } = await running();
    runtime.down = true;
    await expect(runtime.list()).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('pulls what the registry has, and fails as the registry says', async () => {
    const { runtime } = await running();
    const remote = { ...runtime.addImage('r/a:1') };
    await runtime.removeImage('r/a:1');
    runtime.registry.set('r/a:1', remote);
    runtime.registry.set('r/b:1', new RuntimeError('other', 'unauthorized'));
    expect(await runtime.pullImage('r/a:1')).toBe(remote.id);
    await expect(runtime.pullImage('r/b:1')).rejects.toThrow('unauthorized');
    await expect(runtime.pullImage('r/c:1')).rejects.toMatchObject({ kind: 'not-found' });
  });
});
