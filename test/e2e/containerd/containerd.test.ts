/** The driver, cgroups, volumes and logs against Debian's containerd. Needs root. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PodUses } from '#agent/eviction/pod-use.ts';
import { importImageArchive } from '#agent/images/archive.ts';
import { ImageGarbage } from '#agent/images/garbage.ts';
import { readLogs } from '#agent/logs/read-logs.ts';
import { aSample } from '#agent/node/fixtures.ts';
import { openCgroups } from '#agent/runtime/cgroup/open.ts';
import { PodCgroupTree } from '#agent/runtime/cgroup/pod-cgroups.ts';
import { aContainer, aSandbox, someResources } from '#agent/runtime/fake/configs.ts';
import { describeRuntime } from '#agent/runtime/runtime.case.ts';
import type { ContainerConfig, ContainerState, SandboxConfig } from '#agent/runtime/runtime.ts';
import { LinuxMounter } from '#agent/volumes/mounter.ts';
import { bindSubPath } from '#agent/volumes/sub-path.ts';
import { hostArchitecture } from '#firmware/images/build-images.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../../support/boards/eventually.ts';
import { BUSYBOX, type PrivateContainerd, startPrivateContainerd } from './private-containerd.ts';

const run = promisify(execFile);
let containerd: PrivateContainerd;
let count = 0;

beforeAll(async () => {
  containerd = await startPrivateContainerd();
});
afterAll(() => containerd?.end());

const sandboxOf = (overrides: Partial<SandboxConfig> = {}): SandboxConfig => {
  const uid = `0c0ac1e0-0000-4000-9000-${String(process.pid * 1000 + ++count).padStart(12, '0')}`;
  return aSandbox({ uid, logDirectory: join(containerd.directory, 'logs', uid), ...overrides });
};

async function start(
  script: string,
  overrides: Partial<ContainerConfig> = {},
  sandbox: SandboxConfig = sandboxOf(),
) {
  const { runtime } = containerd;
  const sandboxId = await runtime.runSandbox(sandbox);
  const config = aContainer({ image: BUSYBOX, command: ['sh', '-c', script], ...overrides });
  const id = await runtime.createContainer(sandboxId, config, sandbox);
  await runtime.startContainer(id);
  return { id, sandboxId, logPath: join(sandbox.logDirectory, config.logPath) };
}

async function ended(id: string): Promise<ContainerState> {
  return await eventually(
    async () => {
      const status = await containerd.runtime.containerStatus(id);
      return status.state === 'exited' && status;
    },
    { timeoutMs: 60_000, intervalMs: 20 },
  );
}

async function logOf(path: string): Promise<string> {
  const parts: Uint8Array[] = [];
  const options = { follow: false, timestamps: false };
  for await (const part of readLogs({ path, isRunning: () => false }, options, AbortSignal.timeout(5000))) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

describeRuntime('containerd', async () => ({
  runtime: containerd.runtime,
  image: BUSYBOX,
  directory: containerd.directory,
}));

describe('containerd', () => {
  it('runs a command in a container, with output and code, and in time', async () => {
    const { id } = await start('while :; do sleep 1; done');
    const { runtime } = containerd;
    const result = await runtime.execSync(id, ['sh', '-c', 'echo out; echo err >&2; exit 5'], 10_000);
    expect(result.exitCode).toBe(5);
    expect(Buffer.from(result.stdout).toString()).toBe('out\n');
    expect(Buffer.from(result.stderr).toString()).toBe('err\n');
    await expect(runtime.execSync(id, ['sleep', '30'], 1000)).rejects.toMatchObject({ kind: 'timeout' });
    const streams = { tty: false, stdin: true, stdout: true, stderr: true };
    expect(await runtime.execUrl(id, { ...streams, command: ['sh'] })).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/exec\//,
    );
    expect(await runtime.attachUrl(id, streams)).toContain('/attach/');
  });

  it('masks what a container must not see, and makes /proc/sys read-only', async () => {
    const { id, logPath } = await start(
      'exec 2>&1; cat /proc/keys | wc -c; echo 1 > /proc/sys/vm/swappiness; grep Seccomp: /proc/self/status',
    );
    await ended(id);
    const text = await logOf(logPath);
    expect(text).toMatch(/^0\n/);
    expect(text).toContain('Read-only file system');
    expect(text).toMatch(/Seccomp:\s+2/);
  });

  it('runs as a user, without privileges, in a read-only file system', async () => {
    const { security } = aContainer();
    const { id, logPath } = await start('id -u; id -g; grep CapEff /proc/self/status; touch /x 2>&1', {
      security: {
        ...security,
        runAsUser: 1000,
        runAsGroup: 2000,
        dropCapabilities: ['ALL'],
        readOnlyRootfs: true,
        noNewPrivileges: true,
      },
    });
    await ended(id);
    const text = await logOf(logPath);
    expect(text).toMatch(/^1000\n2000\nCapEff:\s+0000000000000000\n/);
    expect(text).toContain('Read-only file system');
  });

  it('says OOMKilled of a container that used too much memory', async () => {
    const eat = 'x=$(dd if=/dev/zero bs=1M count=200 2>/dev/null | tr "\\0" a)';
    const { id } = await start(eat, { resources: someResources({ memoryLimitBytes: 32 << 20 }) });
    expect(await ended(id)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  it('splits and joins long lines, and goes on in a new file after a reopening', async () => {
    const script =
      'head -c 40000 /dev/zero | tr "\\0" a; echo; while [ ! -e /go ]; do sleep 0.1; done; echo two';
    const { id, logPath } = await start(script);
    const read = async () => (await logOf(logPath)).length;
    await eventually(async () => expect(await read()).toBe(40_001));
    renameSync(logPath, `${logPath}.old`);
    await containerd.runtime.reopenLog(id);
    await containerd.runtime.execSync(id, ['touch', '/go'], 10_000);
    await ended(id);
    expect(await logOf(logPath)).toBe('two\n');
  });
});

describe('the cgroup of a pod', () => {
  it('holds the limit of all its containers, tells what they use, and goes with the pod', async () => {
    const tree = new PodCgroupTree(await openCgroups(), () => []);
    const memory = { memory: '32Mi' };
    const pod = (uid: string): Pod => ({
      metadata: { name: 'p', uid },
      spec: { containers: [{ name: 'main', resources: { requests: memory, limits: memory } }] },
    });
    const sandbox = sandboxOf();
    const cgroupParent = await tree.ensure(pod(sandbox.uid));
    expect(cgroupParent).toBe(`/kubepods/burstable/pod${sandbox.uid}`);
    const eat =
      'until [ -e /go ]; do sleep 0.1; done; x=$(dd if=/dev/zero bs=1M count=200 2>/dev/null | tr "\\0" a)';
    const { id, sandboxId } = await start(eat, {}, { ...sandbox, cgroupParent });
    const usage = await tree.podUsage(pod(sandbox.uid));
    expect(usage?.cpuNs).toBeGreaterThan(0);
    expect(usage?.memoryBytes).toBeGreaterThan(0);
    expect((await tree.containerUsage(pod(sandbox.uid), id))?.processes).toBeGreaterThan(0);
    await containerd.runtime.execSync(id, ['touch', '/go'], 10_000);
    expect(await ended(id)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
    await containerd.runtime.removeSandbox(sandboxId);
    expect(await tree.uids()).toContain(sandbox.uid);
    await tree.remove(sandbox.uid);
    expect(await tree.uids()).not.toContain(sandbox.uid);
  });
});

describe('a subPath', () => {
  it('is mounted from inside of the volume', async () => {
    const mounter = new LinuxMounter();
    const volume = join(containerd.directory, 'volume');
    mkdirSync(join(volume, 'deep'), { recursive: true });
    writeFileSync(join(volume, 'deep/file'), 'inside\n');
    const target = join(containerd.directory, 'sub');
    await bindSubPath(mounter, volume, 'deep', target);
    const mount = {
      hostPath: target,
      containerPath: '/data',
      readOnly: false,
      propagation: 'private' as const,
    };
    const { id, logPath } = await start('cat /data/file; echo written > /data/new', { mounts: [mount] });
    expect(await ended(id)).toMatchObject({ exitCode: 0 });
    expect(await logOf(logPath)).toBe('inside\n');
    expect(readFileSync(join(volume, 'deep/new'), 'utf8')).toBe('written\n');
    await mounter.unmount(target);
  });
});

describe('a containerd of our own', () => {
  it('is found again by the next agent, and started again when it dies, without a container noticing', async () => {
    const { runtime } = containerd;
    const { id } = await start('while :; do sleep 1; done');
    const pidPath = join(containerd.directory, 'run/containerd.pid');
    const pid = readFileSync(pidPath, 'utf8');
    const abort = new AbortController();
    await containerd.another().start(abort.signal);
    expect(readFileSync(pidPath, 'utf8')).toBe(pid);
    abort.abort();

    const before = await runtime.containerStatus(id);
    const events = runtime.events(new AbortController().signal)[Symbol.asyncIterator]();
    const ending = expect(events.next()).rejects.toMatchObject({ kind: 'unavailable' });
    await run('kill', ['-9', pid]);
    await ending;
    await expect(runtime.version()).rejects.toMatchObject({ kind: 'unavailable' });
    await eventually(() => readFileSync(pidPath, 'utf8') !== pid);
    await eventually(() => runtime.version());
    expect(await runtime.containerStatus(id)).toEqual(before);
  });
});

describe('images that nobody needs', () => {
  it('go, and what a Pod names, runs or came from an archive stays', async () => {
    const { runtime, socketPath } = containerd;
    const archive = join(import.meta.dirname, `../../../dist/images/${hostArchitecture()}/hello-1.tar`);
    await importImageArchive(archive, { socketPath });
    const [hello] = (await runtime.listImages()).filter(({ tags }) => tags.includes('coracle.local/hello:1'));
    expect(hello).toBeDefined();
    const { sandboxId } = await start('sleep 100');
    const wanted: Pod[] = [
      { metadata: {}, spec: { containers: [{ name: 'main', image: 'coracle.local/hello:1' }] } },
    ];
    const garbage = new ImageGarbage({
      runtime,
      policy: { highPercent: 85, lowPercent: 80, minAgeMs: 0 },
      pods: () => wanted,
      kept: () => ['coracle.local/pause:1'],
      event: () => {},
      log: silent,
    });
    const names = async () => (await runtime.listImages()).flatMap(({ tags }) => tags);
    await garbage.collectAll(aSample());
    expect(await names()).toEqual(expect.arrayContaining(['coracle.local/hello:1']));
    wanted.pop();
    await garbage.collectAll(aSample());
    expect(await names()).not.toContain('coracle.local/hello:1');
    expect(await names()).toEqual(expect.arrayContaining(['coracle.local/pause:1', BUSYBOX]));
    await runtime.removeSandbox(sandboxId);
    await importImageArchive(archive, { socketPath });
    expect(await names()).toContain('coracle.local/hello:1');
  });
});

describe('what a Pod writes', () => {
  it('is counted: layer, logs and volumes', async () => {
    const { directory, runtime } = containerd;
    const sandbox = sandboxOf();
    const pod: Pod = { metadata: { uid: sandbox.uid, name: 'p', namespace: 'n' }, spec: { containers: [] } };
    const cgroups = new PodCgroupTree(await openCgroups(), () => []);
    const cgroupParent = await cgroups.ensure(pod);
    const logDirectory = join(directory, 'logs', `n_p_${sandbox.uid}`);
    const volume = join(directory, 'pods', sandbox.uid, 'volumes/kubernetes.io~empty-dir/scratch');
    mkdirSync(volume, { recursive: true });
    writeFileSync(join(volume, 'file'), Buffer.alloc(1 << 20, 1));
    const script = 'dd if=/dev/zero of=/file bs=1M count=3; echo written; sleep 100';
    const { sandboxId, logPath } = await start(script, {}, { ...sandbox, cgroupParent, logDirectory });
    await eventually(() => readFileSync(logPath, 'utf8').includes('written'));
    const uses = new PodUses({
      ...{ runtime, cgroups, podsDir: join(directory, 'pods'), logsDir: join(directory, 'logs') },
    });
    const use = (await uses.written([pod])).get(sandbox.uid);
    expect(use?.volumes.get('scratch')?.bytes).toBeGreaterThanOrEqual(1 << 20);
    expect(use?.containers.get('main')?.bytes).toBeGreaterThanOrEqual(3 << 20);
    expect(use?.containers.get('main')?.bytes).toBeLessThan(4 << 20);
    await runtime.removeSandbox(sandboxId);
    await cgroups.remove(sandbox.uid);
  });
});
