import { stringify } from 'yaml';
import { resources } from '#proto/api/index.ts';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import { encodeProtobuf } from '#proto/meta/protobuf/envelope.ts';
import type { GoldenObject } from '../golden-data.ts';
import { mutateBytes, mutateObject, pick } from './mutate.ts';
import { CUSTOM, SPECIMENS } from './specimens.ts';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

type Random = () => number;

/** Those that occur, and now and then others. */
const NAMES = ['a', 'b', 'c'];
const ODD_NAMES = ['a:b', 'A_', '%2F', '%2e%2e', '.', '..', '%00', '%ff', 'x'.repeat(300)];
const NAMESPACES = ['default', 'fuzz'];
const ODD_NAMESPACES = ['missing', '%20', '', '..'];
const SUBRESOURCES = [
  ...[
    'status',
    'scale',
    'eviction',
    'binding',
    'log',
    'exec',
    'attach',
    'portforward',
    'ephemeralcontainers',
  ],
  ...['token', 'approval', 'finalize', 'proxy', 'proxy/x/y', 'resize', 'nothing', 'status/more'],
];
const METHODS = ['POST', 'POST', 'POST', 'PUT', 'PUT', 'PATCH', 'PATCH', 'PATCH', 'GET', 'DELETE'];
const ODD_METHODS = ['OPTIONS', 'HEAD', 'TRACE', 'PROPFIND'];
const JSON_TYPE = 'application/json';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const BODY_TYPES = [JSON_TYPE, JSON_TYPE, JSON_TYPE, 'application/yaml', PROTOBUF, PROTOBUF];
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const ODD_TYPES = [
  '',
  'text/plain',
  'application/json; charset=utf-16',
  'a/b;;;=',
  'application/cbor',
  '*/*',
];
const ACCEPTS = [
  ...['application/yaml', '*/*', PROTOBUF, `${PROTOBUF},application/json`, ';;q=,,', ''],
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
];
const VALUES = [
  ...[
    '',
    '0',
    '1',
    '-1',
    '2',
    '99999999999999999999',
    'true',
    'false',
    'x',
    '%00',
    '%ff',
    '%ED%A0%80',
    'All',
  ],
  ...['Strict', 'Warn', 'Ignore', 'Exact', 'NotOlderThan', 'Orphan', 'Foreground', 'Background', 'fuzzer'],
  ...[
    'app%3Dfuzz',
    'app%21%3Da,b',
    'x+in+(a,b',
    '!a',
    'metadata.name%3Da',
    'spec.nodeName%3D',
    'status.phase!=x',
  ],
  ...['%3D', ',,,', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIifQ', 'e30', 'bnVsbA', 'W10'],
];
const PARAMETERS = [
  ...['limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'labelSelector', 'fieldSelector'],
  ...['dryRun', 'fieldValidation', 'fieldManager', 'force', 'pretty', 'watch', 'allowWatchBookmarks'],
  ...['sendInitialEvents', 'propagationPolicy', 'gracePeriodSeconds', 'orphanDependents', 'includeObject'],
  ...['container', 'follow', 'tailLines', 'sinceTime', 'sinceSeconds', 'limitBytes', 'command', '%00', ''],
];
const ODD_PATHS = [
  ...[
    '/',
    '//',
    '/api',
    '/apis',
    '/api/',
    '/api//v1',
    '/api/v1',
    '/api/v2/pods',
    '/apis/apps',
    '/apis/apps/v9',
  ],
  ...['/api/v1/../../', '/api/v1/namespaces//pods', '/api/v1/namespaces/default', '/%2e%2e/%2e%2e', '/%'],
  ...['/openapi/v2', '/openapi/v3', '/openapi/v3/apis/apps/v1', '/openapi/v3/..', '/version', '/healthz/x'],
  ...[
    '/livez?verbose',
    '/readyz?exclude=store',
    '/metrics',
    '/logs',
    '/debug/pprof',
    '/__proto__/constructor',
  ],
  ...[
    '/api/v1/watch/pods',
    '/api/v1/watch/namespaces/default/pods/a',
    '/api/v1/__proto__',
    '/apis/constructor/v1',
  ],
  ...['/api/v1/namespaces/__proto__/pods', `/api/v1/${'x'.repeat(4000)}`, `/${'a/'.repeat(2000)}`],
];

/** Texts that cost a parser more than they cost the sender: depth, length, aliases of aliases. */
const BOMBS: readonly (() => string)[] = [
  () => '['.repeat(200_000),
  () => `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  () => `{"apiVersion":"v1","kind":"ConfigMap","data":${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}}`,
  () => `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generation":${'9'.repeat(200_000)}}}`,
  () =>
    `a: &a0 [x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: &a${i + 1} [*a${i},*a${i},*a${i}]`).join('\n')}`,
  () => `${'- '.repeat(20_000)}x`,
  () => `${'{a: '.repeat(20_000)}`,
  () => `"${'\\u0000'.repeat(50_000)}"`,
  () => `? ${'!!binary '.repeat(2_000)}`,
  () => '&a [*a]',
];

/** One request out of a seed: mostly almost right, for those come far. */
export function fuzzRequest(random: Random, golden: readonly GoldenObject[]): FuzzRequest {
  const { object, protobuf } = subject(random, golden);
  const method = pick(random, random() < 0.95 ? METHODS : ODD_METHODS);
  const contentType = typeFor(random, method);
  const hasBody = method !== 'GET' && (method !== 'DELETE' || random() < 0.3);
  return {
    method,
    path: pathFor(random, object, method) + query(random),
    contentType,
    body: hasBody ? bodyFor(random, method, contentType, object, protobuf) : undefined,
    headers: { accept: random() < 0.8 ? JSON_TYPE : pick(random, ACCEPTS) },
  };
}

interface Subject {
  readonly object: Readonly<Record<string, unknown>>;
  readonly protobuf?: Uint8Array;
}

function subject(random: Random, golden: readonly GoldenObject[]): Subject {
  if (random() < 0.8) {
    const specimen = pick(random, SPECIMENS);
    // Names that say what the object is about stay as they are.
    if (specimen.metadata['name'] !== 'a') return { object: specimen };
    const name = random() < 0.1 ? { generateName: 'a-' } : { name: pick(random, NAMES) };
    return { object: { ...specimen, metadata: { ...specimen.metadata, name: undefined, ...name } } };
  }
  const one = pick(random, golden);
  return { object: JSON.parse(one.json) as Record<string, unknown>, protobuf: one.protobuf };
}

function typeFor(random: Random, method: string): string {
  if (random() < 0.04) return pick(random, ODD_TYPES);
  return pick(random, method === 'PATCH' ? PATCH_TYPES : BODY_TYPES);
}

type Target = Pick<Resource, 'group' | 'version' | 'plural' | 'kind' | 'namespaced'>;

const TARGETS: readonly Target[] = [...resources, { ...CUSTOM, namespaced: true }];

function resourceOf(random: Random, object: Subject['object']): Target {
  const own = TARGETS.find((r) => r.kind === object['kind'] && apiVersionOf(r) === object['apiVersion']);
  return own && random() < 0.95 ? own : pick(random, TARGETS);
}

function pathFor(random: Random, object: Subject['object'], method: string): string {
  if (random() < 0.05) return pick(random, ODD_PATHS);
  const parents: Readonly<Record<string, string>> = {
    Binding: 'api/v1/namespaces/default/pods/a/binding',
    Eviction: 'api/v1/namespaces/default/pods/a/eviction',
    Scale: 'apis/apps/v1/namespaces/default/deployments/a/scale',
    TokenRequest: 'api/v1/namespaces/default/serviceaccounts/default/token',
  };
  const parent = parents[String(object['kind'])];
  if (parent) return `/${parent}`;
  const resource = resourceOf(random, object);
  const parts = [resource.group ? `apis/${resource.group}` : 'api', resource.version];
  if (resource.namespaced && random() < 0.95)
    parts.push('namespaces', pick(random, random() < 0.92 ? NAMESPACES : ODD_NAMESPACES));
  parts.push(resource.plural);
  const collection = method === 'POST' ? random() < 0.95 : random() < (method === 'GET' ? 0.3 : 0.03);
  if (!collection) {
    const own = (object['metadata'] as { name?: string } | undefined)?.name;
    parts.push(own && random() < 0.8 ? own : pick(random, random() < 0.8 ? NAMES : ODD_NAMES));
    if (random() < 0.2) parts.push(pick(random, SUBRESOURCES));
  }
  return `/${parts.join('/')}`;
}

/** A watch, should one come out, ends after a second: of two values the first counts. */
function query(random: Random): string {
  const pairs: string[] = ['timeoutSeconds=1'];
  for (let more = Math.floor(random() * 6) - 3; more > 0; more--) {
    pairs.push(`${pick(random, PARAMETERS)}=${pick(random, VALUES)}`);
  }
  return pairs.length > 1 ? `?${pairs.join('&')}` : '?timeoutSeconds=1';
}

function bodyFor(
  random: Random,
  method: string,
  contentType: string,
  object: Subject['object'],
  protobuf: Uint8Array | undefined,
): Uint8Array {
  if (random() < 0.01) return new TextEncoder().encode(pick(random, BOMBS)());
  const donor = pick(random, SPECIMENS);
  const mutated = mutateObject(random, object, donor);
  const bytes = encoded(random, method, contentType, mutated, protobuf);
  return bytes.length > 0 && random() < 0.08 ? mutateBytes(random, bytes) : bytes;
}

function encoded(
  random: Random,
  method: string,
  contentType: string,
  object: Subject['object'],
  protobuf: Uint8Array | undefined,
): Uint8Array {
  if (contentType === PROTOBUF) {
    if (protobuf) return random() < 0.5 ? protobuf : mutateBytes(random, protobuf);
    try {
      return encodeProtobuf(object as Parameters<typeof encodeProtobuf>[0]);
    } catch {
      // What no longer fits its schema goes as JSON under the wrong type.
    }
  }
  if (contentType.includes('yaml') && random() < 0.5) return yaml(object);
  if (contentType === 'application/json-patch+json') return json(jsonPatch(random, object));
  if (method === 'PATCH' && random() < 0.2) return json(directives(random, object));
  return json(object);
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function yaml(object: unknown): Uint8Array {
  try {
    return new TextEncoder().encode(stringify(object, { aliasDuplicateObjects: false }));
  } catch {
    return json(object); // too deep for the writer
  }
}

function jsonPatch(random: Random, object: unknown): unknown {
  const paths = [
    '',
    '/',
    '/metadata/labels/x',
    '/spec',
    '/spec/replicas',
    '/metadata/name',
    '/data/k',
    '/a~1b~2',
  ];
  paths.push(
    '/spec/containers/-',
    '/spec/containers/9999999',
    '/__proto__/x',
    '/metadata/finalizers',
    '/kind',
  );
  return Array.from({ length: Math.floor(random() * 4) }, () => {
    const op = pick(random, ['add', 'add', 'replace', 'remove', 'move', 'copy', 'test', 'odd']);
    const value = mutateObject(random, random() < 0.5 ? object : 'v', object);
    return { op, path: pick(random, paths), from: pick(random, paths), value };
  });
}

/** Strategic merge patches have a language of their own. */
function directives(random: Random, object: Subject['object']): unknown {
  const directive = pick(random, [
    { $patch: 'replace' },
    { $patch: 'delete' },
    { $patch: 'odd' },
    { $retainKeys: ['a', 1] },
    { '$setElementOrder/containers': [{ name: 'zzz' }, { nme: 1 }, null] },
    { '$deleteFromPrimitiveList/finalizers': ['a', {}] },
  ]);
  return random() < 0.5
    ? { ...object, ...directive }
    : { ...object, spec: { ...(object['spec'] as object | undefined), ...directive } };
}
