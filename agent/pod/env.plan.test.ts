import { describe, expect, it } from 'vitest';
import type { Container, PodSpec, Service } from '#proto/schema/generated/core-v1.ts';
import { dnsOf } from './dns.plan.ts';
import { containerEnv, type EnvSources } from './env.plan.ts';
import { expand } from './expansion.plan.ts';
import { aContainer, aPod } from './fixtures.ts';
import { hostnameOf, hostsFile } from './hostname.plan.ts';
import { cgroupOf, kernelResources, qosClass } from './qos.plan.ts';
import { nonRootProblem } from './security.ts';

describe('expand', () => {
  const lookup = (name: string) => ({ A: 'a', B: '$(A)' })[name];
  it.each([
    ['$(A)', 'a'],
    ['$(B)', '$(A)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$a'],
    ['$(NONE)', '$(NONE)'],
    ['$(A', '$(A'],
    ['$A $', '$A $'],
    ['x$(A)y$(A)', 'xaya'],
  ])('%s', (text, expected) => {
    expect(expand(text, lookup)).toBe(expected);
  });
});

const service = (name: string, namespace: string): Service => ({
  metadata: { name, namespace },
  spec: { clusterIP: '10.43.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] } as Service['spec'],
});

const sources: EnvSources = {
  nodeName: 'pi',
  hostIps: ['192.168.1.10'],
  podIps: ['10.42.0.2'],
  configMap: (_namespace, name) =>
    name === 'c' ? { metadata: { name }, data: { a: '1', b: '2' } } : undefined,
  secret: (_namespace, name) =>
    name === 's' ? { metadata: { name }, data: { key: 'aHVzaA==' } } : undefined,
  services: [service('kubernetes', 'default'), service('my-web', 'other')],
  allocatable: { cpu: '4', memory: '1Gi' },
  decode: (text) => Buffer.from(text, 'base64').toString(),
};

describe('containerEnv', () => {
  const env = (container: Partial<Container>, spec: Partial<PodSpec> = {}) => {
    const own = aContainer(container);
    return containerEnv(aPod({ containers: [own], ...spec }), own, sources);
  };
  const value = (container: Partial<Container>, name: string) => {
    const result = env(container);
    return result.ok ? result.env.get(name) : result.message;
  };
  const from = (valueFrom: NonNullable<NonNullable<Container['env']>[number]['valueFrom']>) => ({
    env: [{ name: 'X', valueFrom }],
  });

  it.each<[string, Partial<Container>, string | undefined]>([
    ['a field', from({ fieldRef: { fieldPath: 'status.podIP' } }), '10.42.0.2'],
    ['a ConfigMap key', from({ configMapKeyRef: { name: 'c', key: 'b' } }), '2'],
    ['a Secret key', from({ secretKeyRef: { name: 's', key: 'key' } }), 'hush'],
    ['no ConfigMap', from({ configMapKeyRef: { name: 'n', key: 'b' } }), 'configmap "n" not found'],
    [
      'no key',
      from({ configMapKeyRef: { name: 'c', key: 'z' } }),
      "couldn't find key z in ConfigMap default/c",
    ],
    ['an optional one', from({ secretKeyRef: { name: 'n', key: 'z', optional: true } }), undefined],
    ['the board where there is no limit', from({ resourceFieldRef: { resource: 'limits.cpu' } }), '4'],
    [
      'a divisor, rounded up',
      {
        ...from({ resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } }),
        resources: { requests: { memory: '1500Ki' } },
      },
      '2',
    ],
    [
      'envFrom with a prefix',
      { envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }], env: [{ name: 'X', value: '$(P_a)' }] },
      '1',
    ],
    [
      'what came before',
      {
        env: [
          { name: 'A', value: 'a' },
          { name: 'X', value: '$(A)$(Z)' },
        ],
      },
      'a$(Z)',
    ],
    ['a service', { env: [{ name: 'X', value: '$(KUBERNETES_SERVICE_HOST)' }] }, '10.43.0.1'],
  ])('%s', (_name, container, expected) => {
    expect(value(container, 'X')).toBe(expected);
  });

  it('gives the services of the own namespace, and always the API server', () => {
    const result = env({});
    const names = result.ok ? [...result.env.keys()] : [];
    expect(names).toContain('KUBERNETES_PORT_443_TCP_ADDR');
    expect(names).toContain('KUBERNETES_SERVICE_PORT_HTTPS');
    expect(names.some((name) => name.startsWith('MY_WEB'))).toBe(false);
  });
});

describe('names', () => {
  const host = { servers: ['1.1.1.1'], searches: ['lan'], options: [] };
  const cluster = { server: '10.43.0.10', domain: 'cluster.local' };
  it.each<[string, Partial<PodSpec>, readonly string[], readonly string[]]>([
    [
      'ClusterFirst',
      {},
      ['10.43.0.10'],
      ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan'],
    ],
    ['Default', { dnsPolicy: 'Default' }, ['1.1.1.1'], ['lan']],
    ['the board’s network', { hostNetwork: true }, ['1.1.1.1'], ['lan']],
    ['None', { dnsPolicy: 'None', dnsConfig: { nameservers: ['9.9.9.9'] } }, ['9.9.9.9'], []],
  ])('%s', (_name, spec, servers, searches) => {
    expect(dnsOf(aPod(spec), host, cluster)).toMatchObject({ servers, searches });
  });

  it('writes the hosts file', () => {
    const pod = aPod({ subdomain: 'sub', hostAliases: [{ ip: '10.0.0.1', hostnames: ['x', 'y'] }] });
    const text = hostsFile(pod, ['10.42.0.2'], hostnameOf(pod, 'cluster.local'), undefined);
    expect(text).toContain('10.42.0.2\tweb.sub.default.svc.cluster.local\tweb\n');
    expect(text).toContain('10.0.0.1\tx\ty\n');
  });
});

describe('resources and users', () => {
  it.each<[string, Container['resources'], string, string]>([
    ['nothing', undefined, 'BestEffort', 'besteffort/'],
    ['requests', { requests: { cpu: '100m' } }, 'Burstable', 'burstable/'],
    ['limits of both', { limits: { cpu: '1', memory: '64Mi' } }, 'Guaranteed', ''],
    ['a limit of one', { limits: { cpu: '1' } }, 'Burstable', 'burstable/'],
  ])('%s', (_name, resources, qos, folder) => {
    const pod = aPod({ containers: [aContainer({ resources })] });
    expect(qosClass(pod)).toBe(qos);
    expect(cgroupOf(pod)).toBe(`/kubepods/${folder}pod${pod.metadata.uid}`);
  });

  it('puts CPU and memory in the kernel’s terms', () => {
    const container = aContainer({
      resources: { limits: { cpu: '250m', memory: '64Mi' }, requests: { cpu: '100m' } },
    });
    expect(kernelResources(aPod({ containers: [container] }), container, 1 << 30)).toEqual({
      cpuShares: 102,
      cpuQuotaUs: 25_000,
      cpuPeriodUs: 100_000,
      memoryLimitBytes: 64 * 1024 * 1024,
      oomScoreAdj: 938,
    });
  });

  it('keeps root out where it is told to', () => {
    const container = aContainer({ securityContext: { runAsNonRoot: true } });
    const pod = aPod({ containers: [container] });
    expect(nonRootProblem(pod, container, { uid: 1000, username: '' })).toBeUndefined();
    expect(nonRootProblem(pod, container, { uid: 0, username: '' })).toContain('image will run as root');
    expect(nonRootProblem(pod, container, { uid: undefined, username: 'me' })).toContain(
      'non-numeric user (me)',
    );
  });
});
