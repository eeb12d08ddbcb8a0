/** For tests of volumes: a cluster in memory, and a pod. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster, DesiredState } from '#agent/link/cluster.ts';
import { Seal } from '#agent/link/seal.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { ConfigMap, Pod, PodSpec, Secret, Volume } from '#proto/schema/generated/core-v1.ts';
import type { PodFacts } from './facts.ts';
import type { ImageMounts } from './image.ts';
import { FakeMounter } from './mounter.ts';
import { VolumeError } from './volume.ts';
import { Volumes } from './volumes.ts';

export const facts: PodFacts = {
  nodeName: 'board-1',
  hostIps: ['192.168.1.5'],
  podIps: ['10.42.0.9'],
  allocatable: { cpu: '4', memory: '1Gi' },
};

export function aPod(volumes: Volume[], spec: Partial<PodSpec> = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'uid-1', labels: { app: 'web' } },
    spec: { containers: [{ name: 'main' }], volumes, ...spec },
  };
}

type Api = (method: string, path: string, body: unknown) => unknown;

/** Volumes in a temporary folder, over objects that a test changes. */
export async function aVolumeHost(api: Api = () => ({})) {
  const root = await mkdtemp(join(tmpdir(), 'coracle-volumes-'));
  const configMaps = new Map<string, ConfigMap>();
  const secrets = new Map<string, Secret>();
  const state: DesiredState = {
    complete: true,
    pods: () => [],
    node: () => undefined,
    configMap: (namespace, name) => configMaps.get(`${namespace}/${name}`),
    secret: (namespace, name) => secrets.get(`${namespace}/${name}`),
    list: () => [],
    onChange: () => () => {},
  };
  const cluster = {
    connected: true as boolean,
    onConnection: () => () => {},
    api: async <T>(method: string, path: string, body?: unknown) => api(method, path, body) as T,
  } satisfies Cluster;
  const clock = new FakeClock();
  const mounter = new FakeMounter();
  const options = {
    dataDir: join(root, 'data'),
    seal: new Seal(join(root, 'sealing.key'), 'h1'),
    memoryDir: join(root, 'memory'),
    state,
    cluster,
    clock,
    mounter,
    images: {
      mount: async (_pod, { image, imagePullPolicy }, target) => {
        if (image.startsWith('gone')) throw new VolumeError(`ErrImagePull: ${image} is gone`);
        mounter.mounts.set(target, `image ${image} ${imagePullPolicy}`);
      },
    } satisfies ImageMounts,
  };
  return {
    root,
    configMaps,
    secrets,
    cluster,
    clock,
    mounter,
    volumes: new Volumes(options),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
