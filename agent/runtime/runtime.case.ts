import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aContainer, aSandbox } from './fake/configs.ts';
import { type ContainerState, type Runtime, RuntimeError, type RuntimeEvent } from './runtime.ts';

/** What a runtime under test brings along. */
export interface RuntimeHarness {
  readonly runtime: Runtime;
  /** Present on the board, with a `sh`. */
  readonly image: string;
  /** A folder that both sides see. */
  readonly directory: string;
}

/** Every runtime behaves like this: containerd and the fake. */
export function describeRuntime(name: string, start: () => Promise<RuntimeHarness>): void {
  describe(`${name} as a Runtime`, () => {
    let harness: RuntimeHarness;
    let runtime: Runtime;
    let count = 0;

    beforeEach(async () => {
      harness ??= await start();
      runtime = harness.runtime;
    });

    afterEach(async () => {
      for (const { id } of (await runtime.list()).sandboxes) await runtime.removeSandbox(id);
    });

    const sandboxOf = (overrides: Parameters<typeof aSandbox>[0] = {}) => {
      const uid = `0c0ac1e0-0000-4000-8000-${String(process.pid * 1000 + ++count).padStart(12, '0')}`;
      return aSandbox({ uid, logDirectory: `${harness.directory}/logs/${uid}`, ...overrides });
    };

    const run = async (script: string, overrides: Parameters<typeof aContainer>[0] = {}) => {
      const sandbox = sandboxOf();
      const sandboxId = await runtime.runSandbox(sandbox);
      const config = aContainer({ image: harness.image, command: ['sh', '-c', script], ...overrides });
      const id = await runtime.createContainer(sandboxId, config, sandbox);
      return { sandbox, sandboxId, id };
    };

    const until = async (id: string, state: ContainerState['state']): Promise<ContainerState> => {
      const deadline = Date.now() + 20_000;
      for (;;) {
        const status = await runtime.containerStatus(id);
        if (status.state === state) return status;
        if (Date.now() > deadline) throw new Error(`still ${status.state}, expected ${state}`);
        await sleep(10);
      }
    };

    it('is ready, and says who it is', async () => {
      expect(await runtime.status()).toEqual({ runtimeReady: true, networkReady: true, message: '' });
      expect((await runtime.version()).version).toMatch(/^v?\d+\./);
    });

    it('gives a sandbox an address, until it is stopped', async () => {
      const sandbox = sandboxOf({ annotations: { 'example.com/a': 'b' } });
      const id = await runtime.runSandbox(sandbox);
      const status = await runtime.sandboxStatus(id);
      expect(status).toMatchObject({ id, name: 'web', namespace: 'default', uid: sandbox.uid, ready: true });
      expect(status).toMatchObject({ labels: sandbox.labels, annotations: sandbox.annotations, attempt: 0 });
      expect(status.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(status.ips).toEqual([status.ip]);
      expect((await runtime.list()).sandboxes).toMatchObject([{ id, ready: true }]);

      await runtime.stopSandbox(id);
      await runtime.stopSandbox(id);
      expect((await runtime.sandboxStatus(id)).ready).toBe(false);
      await runtime.removeSandbox(id);
      await runtime.removeSandbox(id);
      expect((await runtime.list()).sandboxes).toEqual([]);
      await expect(runtime.sandboxStatus(id)).rejects.toMatchObject({ kind: 'not-found' });
    });

    it('has no address of its own on the network of the node', async () => {
      const sandbox = sandboxOf({
        namespaces: { network: 'node', pid: 'container', ipc: 'pod' },
        hostname: '',
      });
      const id = await runtime.runSandbox(sandbox);
      expect(await runtime.sandboxStatus(id)).toMatchObject({ ready: true, ip: undefined, ips: [] });
    });

    it('tells created, running and exited apart, with code and times', async () => {
      const { id, sandboxId } = await run('sleep 0.1; exit 3');
      expect(await runtime.containerStatus(id)).toMatchObject({
        id,
        sandboxId,
        name: 'main',
        state: 'created',
        startedAtMs: undefined,
        finishedAtMs: undefined,
        image: harness.image,
      });
      const before = Date.now();
      await runtime.startContainer(id);
      const status = await until(id, 'exited');
      expect(status).toMatchObject({ exitCode: 3, reason: 'Error', sandboxId });
      expect(status.startedAtMs).toBeGreaterThanOrEqual(before - 1);
      expect(status.finishedAtMs).toBeGreaterThanOrEqual(status.startedAtMs ?? 0);
      expect((await runtime.list()).containers).toMatchObject([
        { id, sandboxId, state: 'exited', name: 'main' },
      ]);
    });

    it('says Completed of a container that ended well', async () => {
      const { id } = await run('exit 0');
      await runtime.startContainer(id);
      expect(await until(id, 'exited')).toMatchObject({ exitCode: 0, reason: 'Completed' });
    });

    it('says StartError of a command that is not there', async () => {
      const { id } = await run('', { command: ['/missing/program'] });
      await expect(runtime.startContainer(id)).rejects.toThrow('no such file or directory');
      const status = await runtime.containerStatus(id);
      expect(status).toMatchObject({ state: 'exited', exitCode: 128, reason: 'StartError' });
      expect(status.message).toContain('/missing/program');
    });

    it('stops a container, twice, and removes it, twice', async () => {
      const { id } = await run("trap 'exit 9' TERM; while :; do sleep 0.05; done");
      await runtime.startContainer(id);
      await until(id, 'running');
      await sleep(100);
      await runtime.stopContainer(id, 10);
      expect((await runtime.containerStatus(id)).state).toBe('exited');
      await runtime.stopContainer(id, 10);
      await runtime.removeContainer(id);
      await runtime.removeContainer(id);
      await expect(runtime.containerStatus(id)).rejects.toMatchObject({ kind: 'not-found' });
      await runtime.stopContainer(id, 10);
    });

    it('stops what runs when the sandbox stops', async () => {
      const { id, sandboxId } = await run('while :; do sleep 1; done');
      await runtime.startContainer(id);
      await runtime.stopSandbox(sandboxId);
      expect((await runtime.containerStatus(id)).state).toBe('exited');
    });

    it('sends events of what starts and exits', async () => {
      const abort = new AbortController();
      const seen: RuntimeEvent[] = [];
      const events = runtime.events(abort.signal);
      const reading = (async () => {
        for await (const event of events) seen.push(event);
      })();
      const { id } = await run('exit 4');
      const own = () => seen.filter((event) => event.containerId === id);
      await runtime.startContainer(id);
      await until(id, 'exited');
      await expect.poll(() => own().map(({ type }) => type), { timeout: 20_000 }).toContain('exited');
      abort.abort();
      await reading;
      const [started, exited] = own();
      expect([started, exited]).toMatchObject([{ type: 'started' }, { type: 'exited', exitCode: 4 }]);
      const at = exited?.type === 'exited' ? exited.atMs : 0;
      expect(Math.abs(at - Date.now())).toBeLessThan(30_000);
    });

    it('knows its images, and says not-found of others', async () => {
      const image = await runtime.imageStatus(harness.image);
      expect(image?.tags).toContain(harness.image);
      expect(image?.sizeBytes).toBeGreaterThan(0);
      expect((await runtime.listImages()).map(({ id }) => id)).toContain(image?.id);
      expect(await runtime.imageStatus(image?.id ?? '')).toMatchObject({ id: image?.id });
      expect(await runtime.imageStatus('coracle.test/nothing:1')).toBeUndefined();
      await runtime.removeImage('coracle.test/nothing:1');
      expect((await runtime.imageFsInfo()).mountpoint).not.toBe('');
    });

    it('refuses with a kind that callers branch on', async () => {
      const missing = runtime.startContainer('0000');
      await expect(missing).rejects.toBeInstanceOf(RuntimeError);
      await expect(missing).rejects.toMatchObject({ kind: 'not-found' });
      const sandbox = sandboxOf();
      const id = await runtime.runSandbox(sandbox);
      const config = aContainer({ image: 'coracle.test/nothing:1' });
      await expect(runtime.createContainer(id, config, sandbox)).rejects.toMatchObject({ kind: 'not-found' });
    });
  });
}
