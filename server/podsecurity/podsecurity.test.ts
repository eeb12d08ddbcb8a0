import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { printViolations, violationsOf } from './evaluate.plan.ts';
import { existingPodWarnings, isSignificantUpdate } from './existing-pods.plan.ts';
import { type Level, policyOf } from './policy.plan.ts';

const hardened: PodSpec = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [
    {
      name: 'c',
      image: 'x',
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    },
  ],
};
const aPod = (spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Pod => ({
  metadata,
  spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
});
const at = (level: Level, pod: Pod, version: 'latest' | number = 'latest'): string =>
  printViolations(violationsOf({ level, version }, pod));
const withContext = (securityContext: object, name = 'c') => ({
  containers: [{ name, image: 'x', securityContext }],
});

// The sentences are those of kube-apiserver 1.36.3 to the same Pods.
it.each<[string, Partial<PodSpec>]>([
  [
    'non-default capabilities (container "c" must not include "NET_ADMIN", "SYS_TIME" in securityContext.capabilities.add)',
    withContext({ capabilities: { add: ['SYS_TIME', 'CHOWN', 'NET_ADMIN'] } }),
  ],
  ['host namespaces (hostNetwork=true, hostPID=true)', { hostPID: true, hostNetwork: true }],
  ['hostPath volumes (volume "h")', { volumes: [{ name: 'h', hostPath: { path: '/' } }] }],
  [
    'hostPort (container "c" uses hostPort 80)',
    { containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 80, hostPort: 80 }] }] },
  ],
  [
    'probe or lifecycle host (container "c" uses probe or lifecycle host "a.b")',
    { containers: [{ name: 'c', image: 'x', livenessProbe: { httpGet: { port: 1, host: 'a.b' } } }] },
  ],
  [
    'privileged (container "c" must not set securityContext.privileged=true)',
    withContext({ privileged: true }),
  ],
  [
    'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    withContext({ procMount: 'Unmasked' }),
  ],
  [
    'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "foo"; user may not be set)',
    withContext({ seLinuxOptions: { type: 'foo', user: 'u' } }),
  ],
  [
    'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    { securityContext: { seccompProfile: { type: 'Unconfined' } } },
  ],
  [
    'forbidden sysctls (kernel.msgmax)',
    {
      securityContext: {
        sysctls: [
          { name: 'kernel.msgmax', value: '1' },
          { name: 'net.ipv4.tcp_rmem', value: '1' },
        ],
      },
    },
  ],
  [
    'hostProcess (pod and container "c" must not set securityContext.windowsOptions.hostProcess=true)',
    {
      securityContext: { windowsOptions: { hostProcess: true } },
      ...withContext({ windowsOptions: { hostProcess: true } }),
    },
  ],
  [
    'forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")',
    withContext({ appArmorProfile: { type: 'Unconfined' } }),
  ],
])('baseline refuses: %s', (text, spec) => {
  expect(at('baseline', aPod(spec))).toBe(text);
  expect(at('privileged', aPod(spec))).toBe('');
});

it('baseline refuses AppArmor by its old annotation', () => {
  const key = 'container.apparmor.security.beta.kubernetes.io/c';
  expect(at('baseline', aPod({}, { annotations: { [key]: 'unconfined' } }))).toBe(
    `forbidden AppArmor profile (annotation must not set AppArmor profile type to "${key}="unconfined"")`,
  );
});

it('restricted wants what baseline leaves open', () => {
  expect(at('restricted', aPod({}))).toBe(
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
      'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
      'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
      'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  expect(at('restricted', aPod(hardened))).toBe('');
  const volumes = [
    { name: 'h', hostPath: { path: '/' } },
    { name: 'n', nfs: { server: 'a', path: '/b' } },
    { name: 'e', emptyDir: {} },
  ];
  expect(at('restricted', aPod({ ...hardened, volumes }))).toBe(
    'restricted volume types (volumes "h", "n" use restricted volume types "hostPath", "nfs")',
  );
  const root = aPod({ ...hardened, securityContext: { ...hardened.securityContext, runAsUser: 0 } });
  expect(at('restricted', root)).toBe('runAsUser=0 (pod must not set runAsUser=0)');
});

describe('versions', () => {
  it('are those of the rules', () => {
    expect(at('restricted', aPod(hardened), 20)).toBe('');
    expect(at('restricted', aPod(withContext({ capabilities: { add: ['NET_ADMIN'] } })), 20)).toContain(
      'non-default capabilities',
    );
    const root = aPod({
      ...hardened,
      hostUsers: false,
      securityContext: { seccompProfile: { type: 'Localhost' } },
    });
    expect(at('restricted', root, 34)).toContain('runAsNonRoot');
    expect(at('restricted', root)).toBe('');
    const windows = aPod({ ...hardened, os: { name: 'windows' }, ...withContext({}) });
    expect(at('restricted', windows, 24)).toContain('allowPrivilegeEscalation');
    expect(at('restricted', windows, 25)).toBe('');
  });

  it.each<[Record<string, string>, string, number]>([
    [{}, 'privileged:latest privileged:latest', 0],
    [{ enforce: 'restricted', 'enforce-version': 'v1.20' }, 'restricted:20 restricted:20', 0],
    [{ enforce: 'baseline', warn: 'privileged' }, 'baseline:latest privileged:latest', 0],
    [{ enforce: 'strict' }, 'restricted:latest privileged:latest', 1],
    [{ warn: 'strict', 'warn-version': 'v1.01' }, 'privileged:latest privileged:latest', 2],
  ])('and levels come from labels: %j', (given, text, errors) => {
    const labels = Object.fromEntries(
      Object.entries(given).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
    );
    const read = policyOf(labels);
    const show = ({ level, version }: { level: string; version: unknown }) => `${level}:${version}`;
    expect(`${show(read.policy.enforce)} ${show(read.policy.warn)}`).toBe(text);
    expect(read.errors).toHaveLength(errors);
  });
});

it('tells of Pods that a stricter level comes too late for', () => {
  const owned = (name: string): Pod =>
    aPod(
      { hostPID: true },
      { name, ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'u', controller: true }] },
    );
  const pods = [
    owned('b'),
    owned('a'),
    aPod({ hostIPC: true, volumes: [{ name: 'h', hostPath: { path: '/' } }] }, { name: 'z' }),
  ];
  expect(existingPodWarnings('shop', { level: 'baseline', version: 'latest' }, pods)).toEqual([
    'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
    'a (and 1 other pod): host namespaces',
    'z: host namespaces, hostPath volumes',
  ]);
  expect(existingPodWarnings('shop', { level: 'baseline', version: 'latest' }, [aPod({})])).toEqual([]);
});

it('judges an update only where containers or images change', () => {
  const pod = aPod(hardened);
  expect(isSignificantUpdate({ ...pod, metadata: { labels: { a: 'b' } } }, pod)).toBe(false);
  expect(isSignificantUpdate(aPod({ containers: [{ name: 'c', image: 'y' }] }), pod)).toBe(true);
  const debugged = aPod({ ...hardened, ephemeralContainers: [{ name: 'd', image: 'z' }] });
  expect(isSignificantUpdate(debugged, pod)).toBe(true);
  expect(isSignificantUpdate(debugged, debugged)).toBe(false);
});
