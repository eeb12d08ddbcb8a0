import { describe, expect, it } from 'vitest';
import { planContainerdConfig } from './config.plan.ts';
import { mayLowerOomScore, parseContainerdVersion } from './find.ts';

const input = {
  containerdVersion: '1.6.20~ds1',
  rootDir: '/data/root',
  stateDir: '/run/state',
  socketPath: '/run/c.sock',
  sandboxImage: 'coracle.local/pause:1',
  cniBinDir: '/usr/lib/cni',
  cniConfDir: '/data/cni',
  registryConfigDir: '/data/certs.d',
  runtimes: { crun: '/usr/bin/crun', runc: '/usr/sbin/runc' },
  defaultRuntime: 'crun',
  restrictOomScoreAdj: true,
  appArmor: false,
};

/** Table name to its lines. */
const tablesOf = (text: string): Map<string, string[]> => {
  const tables = new Map<string, string[]>([['', []]]);
  let current = '';
  for (const line of text.split('\n')) {
    const name = /^\[(.*)\]$/.exec(line)?.[1];
    if (name !== undefined) {
      current = name;
      tables.set(name, []);
    } else if (line) tables.get(current)?.push(line);
  }
  return tables;
};

describe('planContainerdConfig', () => {
  it('is version 2, with one CRI plugin, for containerd 1.x', () => {
    const tables = tablesOf(planContainerdConfig(input));
    expect(tables.get('')?.slice(0, 3)).toEqual([
      'version = 2',
      'root = "/data/root"',
      'state = "/run/state"',
    ]);
    expect(tables.get('grpc')).toEqual(['address = "/run/c.sock"']);
    const cri = tables.get('plugins."io.containerd.grpc.v1.cri"');
    expect(cri).toContain('sandbox_image = "coracle.local/pause:1"');
    expect(cri).toContain('restrict_oom_score_adj = true');
    expect(cri).toContain('disable_apparmor = true');
    expect(tables.get('plugins."io.containerd.grpc.v1.cri".containerd')).toEqual([
      'default_runtime_name = "crun"',
    ]);
    expect(tables.get('plugins."io.containerd.grpc.v1.cri".containerd.runtimes."runc".options')).toEqual([
      'BinaryName = "/usr/sbin/runc"',
      'SystemdCgroup = false',
    ]);
  });

  it('is version 3, with CRI in three plugins, for containerd 2.x', () => {
    const tables = tablesOf(planContainerdConfig({ ...input, containerdVersion: 'v2.1.3' }));
    expect(tables.get('')?.[0]).toBe('version = 3');
    expect(tables.get('plugins."io.containerd.cri.v1.images".pinned_images')).toEqual([
      'sandbox = "coracle.local/pause:1"',
    ]);
    expect(tables.get('plugins."io.containerd.cri.v1.runtime".cni')).toEqual([
      'bin_dir = "/usr/lib/cni"',
      'conf_dir = "/data/cni"',
    ]);
    expect(tables.get('plugins."io.containerd.cri.v1.runtime"')).toContain('restrict_oom_score_adj = true');
    expect(tables.get('plugins."io.containerd.grpc.v1.cri"')).toContain(
      'stream_server_address = "127.0.0.1"',
    );
  });
});

it.each([
  ['containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3', '1.6.20~ds1'],
  ['containerd github.com/containerd/containerd/v2 v2.1.3 a1b2c3', '2.1.3'],
])('%s is version %s', (text, version) => {
  expect(parseContainerdVersion(text)).toBe(version);
});

it.each([
  ['CapEff:\t000001ffffffffff\n', true],
  ['CapEff:\t000001fffeffffff\n', false],
  ['', true],
])('%j may lower an oom_score_adj: %s', (status, may) => {
  expect(mayLowerOomScore(status)).toBe(may);
});
