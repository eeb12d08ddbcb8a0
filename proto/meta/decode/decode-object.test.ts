import { describe, expect, it } from 'vitest';
import { decodeObject } from '#proto/meta/decode/decode-object.ts';
import { applySchemaDefaults } from '#proto/meta/decode/defaults.ts';
import type { FieldValidation } from '#proto/meta/decode/strict.ts';
import { encodeProtobuf } from '#proto/meta/protobuf/envelope.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import { schema } from '#proto/schema/schema.ts';

const JSON_TYPE = 'application/json';
const YAML = 'application/yaml';
const deployment = { group: 'apps', version: 'v1', kind: 'Deployment' };
const pod = { group: '', version: 'v1', kind: 'Pod' };

const decode = (
  body: string | Uint8Array,
  type = JSON_TYPE,
  fieldValidation: FieldValidation = 'Strict',
  resource = deployment,
) =>
  decodeObject<Record<string, unknown>>(
    typeof body === 'string' ? new TextEncoder().encode(body) : body,
    type,
    {
      resource,
      fieldValidation,
    },
  );

function refusal(run: () => unknown): { code: number; message: string } {
  try {
    run();
  } catch (err) {
    if (err instanceof StatusError) return { code: err.code, message: err.message };
    throw err;
  }
  throw new Error('was accepted');
}

const cannot = (why: string): string =>
  `Deployment in version "v1" cannot be handled as a Deployment: ${why}`;

describe('decoding', () => {
  it('completes the kind and makes values canonical', () => {
    const { object } = decode(
      '{"metadata":{"name":"a"},"spec":{"replicas":0,"paused":false,"template":{"spec":{"nodeName":"","containers":[{"name":"c","env":[],"resources":{"limits":{"cpu":0.5,"memory":"1024Mi"}},"volumeMounts":null}]}}}}',
    );
    expect(object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a' },
      spec: {
        replicas: 0,
        strategy: {},
        template: {
          metadata: {},
          spec: { containers: [{ name: 'c', resources: { limits: { cpu: '500m', memory: '1Gi' } } }] },
        },
      },
      status: {},
    });
  });

  it('fills what the types promise', () => {
    expect(decode('{}').object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {},
      spec: { strategy: {}, template: { metadata: {}, spec: { containers: [] } } },
      status: {},
    });
    expect(decode('{}', JSON_TYPE, 'Strict', pod).object).toMatchObject({ spec: { containers: [] } });
    const status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}';
    expect(decode(status, JSON_TYPE, 'Strict', pod).object).toMatchObject({
      status: { conditions: [{ type: 'Ready', lastProbeTime: null, lastTransitionTime: null }] },
    });
  });

  it('reads YAML as kubectl does', () => {
    const { object } = decode(
      'metadata: {name: a, labels: {n: "no", on: x}}\nspec:\n  paused: yes\n  replicas: 0o17\n  minReadySeconds: 017\n',
      YAML,
    );
    expect(object['metadata']).toEqual({ name: 'a', labels: { false: 'no', true: 'x' } });
    expect(object['spec']).toMatchObject({ paused: true, replicas: 15, minReadySeconds: 15 });
  });

  it('reads protobuf as the same object', () => {
    const text =
      '{"metadata":{"name":"a"},"spec":{"selector":{},"template":{"spec":{"containers":[{"name":"c"}]}}}}';
    const { object } = decode(text);
    const bytes = encodeProtobuf(object);
    const got = decode(bytes, 'application/vnd.kubernetes.protobuf').object;
    expect(got).toMatchObject({ metadata: { name: 'a' }, spec: { selector: {} } });
  });

  it('takes DeleteOptions of any group', () => {
    const resource = { group: '', version: 'v1', kind: 'DeleteOptions' };
    for (const apiVersion of ['v1', 'meta.k8s.io/v1', 'apps/v1', 'example.com/v1'])
      expect(
        decode(
          JSON.stringify({ kind: 'DeleteOptions', apiVersion, orphanDependents: true }),
          '',
          'Strict',
          resource,
        ).object,
      ).toMatchObject({ orphanDependents: true });
  });

  it('leaves kinds that are not built in as they are', () => {
    const boat = { group: 'example.com', version: 'v1', kind: 'Boat' };
    const { object } = decode('{"metadata":{"name":"b"},"spec":{"oars":2}}', JSON_TYPE, 'Strict', boat);
    expect(object).toEqual({
      apiVersion: 'example.com/v1',
      kind: 'Boat',
      metadata: { name: 'b' },
      spec: { oars: 2 },
    });
  });
});

describe('field validation', () => {
  const body =
    '{"metadata":{"name":"a"},"spec":{"foo":1,"replicas":1,"replicas":2,"template":{"spec":{"containers":[{"name":"c","nope":{}}]}}}}';
  const wrong = [
    'unknown field "spec.foo"',
    'duplicate field "spec.replicas"',
    'unknown field "spec.template.spec.containers[0].nope"',
  ];

  it('refuses with Strict', () => {
    expect(refusal(() => decode(body))).toEqual({
      code: 400,
      message: cannot(`strict decoding error: ${wrong.join(', ')}`),
    });
  });

  it('warns with Warn and prunes', () => {
    const { object, warnings } = decode(body, JSON_TYPE, 'Warn');
    expect(warnings).toEqual(wrong);
    expect(object['spec']).toEqual({
      replicas: 2,
      strategy: {},
      template: { metadata: {}, spec: { containers: [{ name: 'c', resources: {} }] } },
    });
  });

  it('is silent with Ignore', () => {
    expect(decode(body, JSON_TYPE, 'Ignore').warnings).toEqual([]);
  });

  it('names doubled YAML keys, and unknown fields in the order of their names', () => {
    const body = 'spec:\n  x: 1\n  replicas: 1\nmetadata:\n  name: a\n  name: b\n  name: c\n  z: 1\n';
    const lines = ['line 6: key "name" already set in map', 'line 7: key "name" already set in map'];
    const unknown = ['unknown field "metadata.z"', 'unknown field "spec.x"'];
    expect(decode(body, YAML, 'Warn').warnings).toEqual([...lines, ...unknown]);
    const strict = [`yaml: unmarshal errors:\n  ${lines.join('\n  ')}`, ...unknown].join(', ');
    expect(refusal(() => decode(body, YAML)).message).toBe(cannot(`strict decoding error: ${strict}`));
  });
});

describe('refusals', () => {
  it.each([
    [
      '{"spec":{"replicas":"3"}}',
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      '{"spec":{"replicas":1.5}}',
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":{}}}}}',
      'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":[{"image":1}]}}}}',
      'json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string',
    ],
    [
      '{"metadata":{"labels":{"a":1}}}',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    ['{"kind":"Pod","apiVersion":"v1"}', undefined],
    ['{"apiVersion":"apps/v1beta1"}', undefined],
    ['{bad', undefined],
    ['', undefined],
    ['[]', undefined],
    ['{"kind":1}', undefined],
    ['[[[['.repeat(10_000), undefined],
    [`{"a":${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}}`, undefined],
  ])('%#: %.60s', (body, why) => {
    const { code, message } = refusal(() => decode(body));
    expect(code).toBe(400);
    if (why) expect(message).toBe(cannot(why));
  });

  it.each([
    ['deep', `a: ${'['.repeat(20_000)}`],
    [
      'aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]`,
    ],
    ['not YAML', 'a: b: c: d'],
  ])('YAML that is %s', (_, body) => {
    expect(refusal(() => decode(body, YAML)).code).toBe(400);
  });

  it('what is too large or of a strange type', () => {
    expect(refusal(() => decode(new Uint8Array(4 << 20))).code).toBe(413);
    expect(refusal(() => decode('a', 'text/plain')).code).toBe(415);
    expect(refusal(() => decode('k8s?', 'application/vnd.kubernetes.protobuf')).code).toBe(400);
  });

  it('keeps __proto__ a key like any other', () => {
    const { object } = decode('{"metadata":{"labels":{"__proto__":"x"}}}');
    const { labels } = object['metadata'] as { labels: Record<string, string> };
    expect(Object.entries(labels)).toEqual([['__proto__', 'x']]);
  });
});

describe('schema defaults', () => {
  it('are set where they are missing', () => {
    const { object } = decode(
      '{"spec":{"containers":[{"name":"c","ports":[{"containerPort":80},{"containerPort":81,"protocol":"UDP"}]}]}}',
      JSON_TYPE,
      'Strict',
      pod,
    );
    const message = schema.kind(pod);
    if (message) applySchemaDefaults(schema, message, object);
    expect(object['spec']).toMatchObject({
      containers: [{ ports: [{ protocol: 'TCP' }, { protocol: 'UDP' }] }],
    });
  });
});

describe('a custom kind', () => {
  const widget = { group: 'example.com', version: 'v1', kind: 'Widget' };
  const read = (body: string) =>
    decodeObject(new TextEncoder().encode(body), JSON_TYPE, { resource: widget, custom: () => {} });

  it.each([
    [
      'null',
      400,
      `the object provided is unrecognized (must be of type Widget): Object 'Kind' is missing in 'null' (6e756c6c)`,
    ],
    [
      '{}',
      400,
      `the object provided is unrecognized (must be of type Widget): Object 'Kind' is missing in '{}' ({})`,
    ],
    [
      '{"kind":"Widget","apiVersion":"example.com/v2"}',
      400,
      'the API version in the data (example.com/v2) does not match the expected API version (example.com/v1)',
    ],
    [
      '{"kind":"Gadget","apiVersion":"example.com/v1"}',
      422,
      'Gadget.example.com "" is invalid: kind: Invalid value: "Gadget": must be Widget',
    ],
  ])('has to be named: %s', (body, code, message) => {
    expect(refusal(() => read(body))).toEqual({ code, message });
  });
});
