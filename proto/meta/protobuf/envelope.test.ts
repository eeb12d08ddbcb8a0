import { describe, expect, it } from 'vitest';
import { decodeProtobuf, encodeProtobuf, isProtobuf } from '#proto/meta/protobuf/envelope.ts';
import { ProtobufError } from '#proto/meta/protobuf/wire.ts';

const pod = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'web', labels: { app: 'web' }, creationTimestamp: '2026-01-02T03:04:05Z' },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'nginx',
        resources: { limits: { memory: '1Gi', cpu: '500m' } },
        livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
      },
    ],
    terminationGracePeriodSeconds: 30,
  },
  status: {},
};

describe('protobuf bodies', () => {
  it.each([
    ['a Pod', pod],
    ['DeleteOptions', { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' }],
    [
      'a Secret with bytes',
      {
        kind: 'Secret',
        apiVersion: 'v1',
        metadata: { name: 's' },
        data: { a: 'AAEC/w==', b: '' },
        type: 'Opaque',
      },
    ],
    [
      'a map of lists',
      {
        kind: 'SubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        spec: { user: 'me', extra: { scopes: ['a', 'b'] } },
        status: { allowed: false },
      },
    ],
    [
      'JSON schema unions',
      {
        kind: 'CustomResourceDefinition',
        apiVersion: 'apiextensions.k8s.io/v1',
        metadata: { name: 'a.b' },
        spec: {
          group: 'b',
          names: { plural: 'a', kind: 'A' },
          scope: 'Namespaced',
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: {
                openAPIV3Schema: {
                  type: 'object',
                  additionalProperties: false,
                  properties: {
                    a: { type: 'array', items: { type: 'string', default: 'x', maxLength: 3 } },
                    b: { additionalProperties: { type: 'number', maximum: 1.5 }, enum: [1, null, { c: [] }] },
                  },
                },
              },
            },
          ],
        },
        status: { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: null },
      },
    ],
    [
      'Scale with a selector',
      {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name: 'web' },
        spec: { replicas: 3 },
        status: { replicas: -1, selector: 'app=web' },
      },
    ],
  ])('%s comes back as it went', (_, object) => {
    const bytes = encodeProtobuf(object);
    expect(isProtobuf(bytes)).toBe(true);
    expect(decodeProtobuf(bytes)).toEqual(object);
  });

  it('writes canonical quantities', () => {
    const bytes = encodeProtobuf({
      kind: 'ResourceQuota',
      apiVersion: 'v1',
      metadata: {},
      spec: { hard: { cpu: '0.5', __proto__x: '1024Mi' } },
    });
    expect(decodeProtobuf(bytes)).toMatchObject({ spec: { hard: { cpu: '500m', __proto__x: '1Gi' } } });
  });

  it('takes the kind of the request when the envelope says none', () => {
    const empty = new Uint8Array([0x6b, 0x38, 0x73, 0]);
    expect(decodeProtobuf(empty, { group: '', version: 'v1', kind: 'ConfigMap' })).toEqual({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: {},
    });
  });

  it('refuses kinds that are not built in', () => {
    expect(() => encodeProtobuf({ kind: 'Boat', apiVersion: 'x/v1' })).toThrow(
      'no kind "Boat" is registered for version "x/v1"',
    );
  });

  it('gives a clean error for any damage', () => {
    const bytes = encodeProtobuf(pod);
    const attempt = (damaged: Uint8Array): void => {
      try {
        decodeProtobuf(damaged);
      } catch (err) {
        expect(err).toBeInstanceOf(ProtobufError);
      }
    };
    for (let cut = 0; cut < bytes.length; cut++) attempt(bytes.subarray(0, cut));
    for (let at = 4; at < bytes.length; at++)
      for (const value of [0, 0x7f, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at] = value;
        attempt(damaged);
      }
  });

  it('bounds what empty messages can ask for', () => {
    const empty = encodeProtobuf({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [] });
    const items = new Uint8Array(2 * 400_000).map((_, i) => (i % 2 === 0 ? 0x12 : 0));
    const head = empty.subarray(0, empty.indexOf(0x12, 15));
    const length = items.length;
    const raw = [0x12, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
    const bomb = new Uint8Array([...head, ...raw, ...items]);
    expect(() => decodeProtobuf(bomb)).toThrow(/too many messages/);
  });
});
