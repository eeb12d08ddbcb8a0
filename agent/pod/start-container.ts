import { type ContainerConfig, RuntimeError } from '#agent/runtime/runtime.ts';
import type { PreparedVolume } from '#agent/volumes/volume.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import { ConfigError, containerConfig, expandedSubPath } from './container-config.ts';
import { dnsOf } from './dns.plan.ts';
import { containerEnv } from './env.plan.ts';
import { type Hands, identity, RETRY_MS } from './hands.ts';
import { containersOf } from './history.plan.ts';
import { hostnameOf, hostsFile } from './hostname.plan.ts';
import { sandboxConfig } from './sandbox-config.ts';
import { effectiveSecurity, nonRootProblem } from './security.ts';
import type { StepOf } from './step.ts';

/** Creates and starts one container; gives its id, or undefined where it did not come about. */
export async function startContainer(
  step: StepOf<'startContainer'>,
  hands: Hands,
): Promise<string | undefined> {
  const { context, memory, event } = hands;
  const failed = (reason: string, message: string): undefined => {
    event('Warning', 'Failed', `Error: ${message}`, step.container);
    memory.problems.set(step.container, { reason, message, retryAtMs: context.clock.now() + RETRY_MS });
  };
  let id: string;
  try {
    const { config, sandbox } = await build(step, hands);
    id = await context.runtime.createContainer(step.sandboxId, config, sandbox);
  } catch (err) {
    if (err instanceof RuntimeError && err.kind === 'unavailable') throw err;
    const message = err instanceof Error ? err.message : String(err);
    return failed(err instanceof ConfigError ? err.reason : 'CreateContainerError', message);
  } finally {
    memory.images.delete(step.container);
  }
  memory.problems.delete(step.container);
  event('Normal', 'Created', 'Container created', step.container);
  try {
    await context.runtime.startContainer(id);
  } catch (err) {
    if (err instanceof RuntimeError && err.kind === 'unavailable') throw err;
    // The runtime keeps it as exited, with the reason: the restart policy takes it from here.
    event('Warning', 'Failed', `Error: ${err instanceof Error ? err.message : String(err)}`, step.container);
    return undefined;
  }
  event('Normal', 'Started', 'Container started', step.container);
  // A container runs as well without it.
  await context.files
    .linkLog(identity(hands.snapshot.pod), step.container, step.attempt, id)
    .catch((err: unknown) => context.log.warn('no link to a log', { container: step.container, err }));
  return id;
}

async function build(step: StepOf<'startContainer'>, { context, memory, snapshot }: Hands) {
  const { pod } = snapshot;
  const ids = identity(pod);
  const found = containersOf(pod).find((c) => c.spec.name === step.container);
  const sandbox = snapshot.sandboxes.find((s) => s.id === step.sandboxId);
  if (!found || !sandbox) throw new ConfigError(`container ${step.container} is no longer in the pod`);
  const { spec } = found;
  const podIps = pod.spec.hostNetwork ? snapshot.hostIps : sandbox.ips;
  const resolved = containerEnv(pod, spec, {
    nodeName: context.nodeName,
    hostIps: snapshot.hostIps,
    podIps,
    configMap: (namespace, name) => context.desired.configMap(namespace, name),
    secret: (namespace, name) => context.desired.secret(namespace, name),
    services: context.desired.list<Service>('services'),
    allocatable: context.allocatable(),
    decode: (text) => Buffer.from(text, 'base64').toString(),
  });
  if (!resolved.ok) throw new ConfigError(resolved.message);

  // Only who must not be root is held against the image's user.
  const image = effectiveSecurity(pod, spec).runAsNonRoot
    ? await context.runtime.imageStatus(step.imageRef)
    : undefined;
  const root = nonRootProblem(pod, spec, { uid: image?.uid, username: image?.username ?? '' });
  if (root) throw new ConfigError(root);

  // The sandbox may be older than this process.
  if (!memory.cgroupParent) memory.cgroupParent = await context.cgroups.ensure(pod);
  const cluster = context.clusterDns();
  const names = hostnameOf(pod, cluster?.domain ?? 'cluster.local');
  const boardHosts = pod.spec.hostNetwork ? await context.hostHosts() : undefined;
  const hosts = await context.files.writeHosts(ids.uid, hostsFile(pod, podIps, names, boardHosts));
  await context.files.prepareLogs(ids, spec.name);
  const target = 'targetContainerName' in spec ? spec.targetContainerName : undefined;
  const given = await context.devices.allocate(ids.uid, spec, found.role === 'init').catch((err: unknown) => {
    throw new ConfigError(err instanceof Error ? err.message : String(err));
  });
  const mounted = await mountedVolumes();
  const config: ContainerConfig = containerConfig({
    pod,
    spec,
    attempt: step.attempt,
    backoffSeconds: step.backoffSeconds,
    imageRef: step.imageRef,
    env: resolved.env,
    security: {
      seccompDir: context.seccompDir,
      groups: given.groups,
      targetPidContainer: target
        ? snapshot.containers.find((c) => c.name === target && c.state === 'running')?.id
        : undefined,
    },
    memoryCapacityBytes: context.memoryCapacityBytes,
    mounted: (index) => mounted[index],
    device: (name) => memory.prepared.get(name),
    hostsPath: hosts,
    terminationPath: await context.files.terminationFile(ids.uid, spec.name, step.attempt),
    logPath: `${spec.name}/${step.attempt}.log`,
    given,
  });
  return {
    config,
    // Sandbox and container have to agree; the runtime reads the same words twice.
    sandbox: sandboxConfig({
      pod,
      attempt: sandbox.attempt,
      hostname: names.hostname,
      logDirectory: context.files.logDirectory(ids),
      dns: dnsOf(pod, await context.hostDns(), cluster),
      cgroupParent: memory.cgroupParent,
      startTimeMs: snapshot.startTimeMs,
      seccompDir: context.seccompDir,
      runtimeHandler: '',
    }),
  };

  function mountedVolumes(): Promise<PreparedVolume[]> {
    const env = resolved.ok ? resolved.env : new Map<string, string>();
    return Promise.all(
      (spec.volumeMounts ?? []).map(async (mount, index) => {
        const prepared = memory.prepared.get(mount.name);
        if (prepared === undefined) {
          throw new ConfigError(`cannot find volume "${mount.name}" to mount into container "${spec.name}"`);
        }
        const below = expandedSubPath(mount, env);
        if (!below) return prepared;
        const volume = { name: mount.name, path: prepared.path };
        const path = await context.volumes
          .prepareSubPath(pod, spec.name, index, volume, below)
          .catch((err: unknown) => {
            throw new ConfigError(err instanceof Error ? err.message : String(err));
          });
        return { ...prepared, path };
      }),
    );
  }
}
