import { describe, expect, it } from 'vitest';
import type {
  ConfigMap,
  Namespace,
  Node,
  PersistentVolumeClaim,
  Secret,
  Service,
} from '#proto/schema/generated/core-v1.ts';
import { configMap } from '#server/registry/core/config-map.ts';
import { namespace } from '#server/registry/core/namespace.ts';
import { node } from '#server/registry/core/node.ts';
import { persistentVolumeClaim } from '#server/registry/core/persistent-volume-claim.ts';
import { secret } from '#server/registry/core/secret.ts';
import { service } from '#server/registry/core/service.ts';
import { created, createProblems, updateProblems } from '#server/registry/registry.case.ts';

const metadata = { name: 'web', namespace: 'default' };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('services', () => {
  const aService = (spec: Service['spec'] = { ports: [{ port: 80 }] }): Service => ({ metadata, spec });

  it('have upstream defaults', () => {
    expect(created(service, aService())).toMatchObject({
      spec: {
        type: 'ClusterIP',
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      },
      status: { loadBalancer: {} },
    });
  });

  it.each<[string, Service['spec'], string[]]>([
    ['a good one', { ports: [{ port: 80, targetPort: 'http' }] }, []],
    ['no ports', {}, ['spec.ports: Required value']],
    ['headless without ports', { clusterIP: 'None' }, []],
    [
      'ports without names',
      { ports: [{ port: 80 }, { port: 81 }] },
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      'a port twice',
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      },
      ['spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}'],
    ],
    [
      'a node port without need',
      { ports: [{ port: 80, nodePort: 30000 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    ['an external name', { type: 'ExternalName', externalName: 'example.com.' }, []],
    ['no external name', { type: 'ExternalName' }, ['spec.externalName: Required value']],
    [
      'an unknown type',
      { type: 'Magic', ports: [{ port: 80 }] },
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
  ])('%s', (_, spec, expected) => expect(createProblems(service, aService(spec))).toEqual(expected));

  it('keep their address', () => {
    const withIp = aService({ clusterIP: '10.43.0.5', clusterIPs: ['10.43.0.5'], ports: [{ port: 80 }] });
    const change = (s: Service): void => {
      s.spec.clusterIP = '10.43.0.6';
      s.spec.clusterIPs = ['10.43.0.6'];
    };
    expect(updateProblems(service, withIp, change)).toEqual([
      'spec.clusterIPs[0]: Invalid value: "10.43.0.6": may not change once set',
    ]);
  });

  it('lose their node ports with their type', () => {
    const exposed = aService({ type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] });
    const change = (s: Service): void => {
      s.spec.type = 'ClusterIP';
    };
    expect(updateProblems(service, exposed, change)).toEqual([]);
  });
});

describe('secrets', () => {
  const aSecret = (more: Partial<Secret> = {}): Secret => ({ metadata, ...more });

  it('take in stringData', () => {
    const object = created(secret, aSecret({ data: { a: base64('1') }, stringData: { b: 'zwei' } }));
    expect(object).toMatchObject({ type: 'Opaque', data: { a: base64('1'), b: base64('zwei') } });
    expect(object.stringData).toBeUndefined();
  });

  it.each<[string, Partial<Secret>, string[]]>([
    ['a bad key', { data: { '..': '' } }, ['data[..]: Invalid value: "..": must not be \'..\'']],
    [
      'a TLS secret without key',
      { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
      ['data[tls.key]: Required value'],
    ],
    [
      'too much',
      { data: { big: base64('x'.repeat(1024 * 1024 + 1)) } },
      ['data: Too long: may not be more than 1048576 bytes'],
    ],
    [
      'a docker configuration that is none',
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('{') } },
      ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid JSON'],
    ],
  ])('%s', (_, more, expected) => expect(createProblems(secret, aSecret(more))).toEqual(expected));

  it('keep type, and data where immutable', () => {
    const frozen = aSecret({ immutable: true, data: { a: base64('1') } });
    const change = (s: Secret): void => {
      s.type = 'other';
      s.data = { a: base64('2') };
    };
    expect(updateProblems(secret, frozen, change)).toEqual([
      'type: Invalid value: "other": field is immutable',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
  });
});

describe('config maps', () => {
  const aConfigMap = (more: Partial<ConfigMap> = {}): ConfigMap => ({ metadata, ...more });
  it.each<[string, Partial<ConfigMap>, string[]]>([
    ['a good one', { data: { 'a.conf': 'x' } }, []],
    [
      'a key in both maps',
      { data: { a: '' }, binaryData: { a: '' } },
      ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ],
    [
      'too much',
      { data: { a: 'x'.repeat(1024 * 1024 + 1) } },
      [': Too long: may not be more than 1048576 bytes'],
    ],
  ])('%s', (_, more, expected) => expect(createProblems(configMap, aConfigMap(more))).toEqual(expected));

  it('may be frozen, not thawed', () => {
    const change = (c: ConfigMap): void => {
      delete c.immutable;
    };
    expect(updateProblems(configMap, aConfigMap({ immutable: true }), change)).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
    ]);
  });
});

describe('namespaces, nodes and claims', () => {
  it('namespaces are active, labelled and finalised', () => {
    const object: Namespace = { metadata: { name: 'team' }, spec: {} };
    expect(created(namespace, object)).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'team' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
    expect(createProblems(namespace, object)).toEqual([]);
  });

  it('nodes keep the status they register with', () => {
    const capacity = { cpu: '4', memory: '1Gi' };
    const object: Node = { metadata: { name: 'n' }, spec: {}, status: { capacity } };
    expect(created(node, object).status).toEqual({ capacity, allocatable: capacity });
    const taint = { key: 'a', effect: 'NoSchedule' };
    expect(createProblems(node, { ...object, spec: { taints: [taint, taint] } })).toEqual([
      'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    ]);
  });

  const aClaim = (storage: string): PersistentVolumeClaim => ({
    metadata,
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
  });

  it('claims ask for something and stay as they are', () => {
    expect(createProblems(persistentVolumeClaim, aClaim('1Gi'))).toEqual([]);
    expect(createProblems(persistentVolumeClaim, aClaim('0'))).toEqual([
      'spec.resources[storage]: Invalid value: "0": must be greater than zero',
    ]);
    const change = (c: PersistentVolumeClaim): void => {
      c.spec.accessModes = ['ReadWriteMany'];
    };
    expect(updateProblems(persistentVolumeClaim, aClaim('1Gi'), change)[0]).toMatch(
      /^spec: Forbidden: spec is immutable/,
    );
  });
});
