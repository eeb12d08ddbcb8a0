/** Requests that are no good, by what is wrong with them, and what Kubernetes answers. */

export const CONFIGMAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';

export const configMap = (name: string, more: object = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more });
const pod = (more: object) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x' },
    spec: { containers: [{ name: 'c', image: 'i', ...more }] },
  });

/** Magic number and envelope of a ConfigMap, then what should be one. */
const inEnvelope = (...raw: number[]): Uint8Array => {
  const type = Buffer.from('\x0a\x02v1\x12\x09ConfigMap');
  return Buffer.concat([
    ...[Buffer.from('k8s\0'), Buffer.from([0x0a, type.length]), type],
    Buffer.from([0x12, raw.length, ...raw]),
  ]);
};

export interface BadRequest {
  readonly what: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string | Uint8Array;
  readonly type?: string;
  readonly code: number;
  readonly reason: string;
  readonly says: RegExp;
}

const malformed: readonly BadRequest[] = [
  {
    what: 'JSON that breaks off',
    body: '{"apiVersion":"v1","kind":',
    says: /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: /,
  },
  { what: 'no body', body: '', says: /unexpected end of JSON input/ },
  { what: 'JSON that is no object', body: '[]', says: /json parse error/ },
  { what: 'JSON of depth 100,000', body: '{"a":'.repeat(1e5) + '}'.repeat(1e5), says: /exceeded max depth/ },
  { what: 'YAML that is none', body: 'a: [', type: 'application/yaml', says: /yaml: line 1/ },
  {
    what: 'YAML that unfolds without end',
    body: Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i && 9)}x]\n`).join(''),
    type: 'application/yaml',
    says: /yaml: /,
  },
  {
    what: 'protobuf without its magic number',
    body: 'nonsense',
    type: PROTOBUF,
    says: /provided data does not appear to be a protobuf message, expected prefix \[107 56 115 0\]/,
  },
  {
    what: 'protobuf whose envelope breaks off',
    body: new Uint8Array([0x6b, 0x38, 0x73, 0, 0x0a, 0xff]),
    type: PROTOBUF,
    says: /unexpected EOF/,
  },
  { what: 'protobuf that breaks off inside', body: inEnvelope(0x0a, 0x50, 1), type: PROTOBUF, says: /EOF/ },
  {
    what: 'protobuf of a wrong wire type',
    body: inEnvelope(0x0b, 1),
    type: PROTOBUF,
    says: /^(the object provided is unrecognized|ConfigMap in version)/,
  },
].map((row) => ({ ...row, code: 400, reason: 'BadRequest' }));

const wrong: readonly BadRequest[] = [
  {
    what: 'another kind than the path says',
    body: configMap('x').replace('ConfigMap', 'Secret'),
    says: /^Secret in version "v1" cannot be handled as a ConfigMap: /,
  },
  {
    what: 'a version that is none',
    body: configMap('x').replace('v1', 'v2'),
    says: /no kind "ConfigMap" is registered for version "v2"/,
  },
  {
    what: 'an unknown field under strict validation',
    path: `${CONFIGMAPS}?fieldValidation=Strict`,
    body: configMap('x', { dat: {} }),
    says: /^ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dat"$/,
  },
  {
    what: 'unknown fields deep inside',
    path: `${PODS}?fieldValidation=Strict`,
    body: pod({ imag: 'typo', ports: [{ port: 1 }] }),
    says: /unknown field "spec\.containers\[0\]\.imag", unknown field "spec\.containers\[0\]\.ports\[0\]\.port"$/,
  },
  {
    what: 'a field twice under strict validation',
    path: `${CONFIGMAPS}?fieldValidation=Strict`,
    body: configMap('x').replace('}}', '},"data":{"a":"1"},"data":{}}'),
    says: /strict decoding error: duplicate field "data"$/,
  },
  {
    what: 'a number for a string',
    body: configMap('x', { data: { a: 1 } }),
    says: /json: cannot unmarshal number into Go struct field ConfigMap\.data of type string$/,
  },
  {
    what: 'a string for a number',
    path: DEPLOYMENTS,
    body: JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 'three' } }),
    says: /json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32$/,
  },
  {
    what: 'an object for a list',
    path: PODS,
    body: pod({ env: {} }),
    says: /json: cannot unmarshal object into Go struct field .*env of type \[\]v1\.EnvVar$/,
  },
  {
    what: 'a quantity that is none',
    path: PODS,
    body: pod({ resources: { limits: { cpu: 'lots' } } }),
    says: /quantities must match the regular expression/,
  },
  {
    what: 'another namespace than the path says',
    body: configMap('x', { metadata: { name: 'x', namespace: 'other' } }),
    says: /^the namespace of the provided object does not match the namespace sent on the request$/,
  },
  {
    what: 'another name than the path says',
    method: 'PUT',
    path: `${CONFIGMAPS}/there`,
    body: configMap('elsewhere'),
    says: /^the name of the object \(elsewhere\) does not match the name on the URL \(there\)$/,
  },
  {
    what: 'a patch that breaks off',
    method: 'PATCH',
    path: `${CONFIGMAPS}/there`,
    body: '{',
    type: 'application/strategic-merge-patch+json',
    says: /^error decoding patch/,
  },
  {
    what: 'a broken selector',
    method: 'GET',
    path: `${CONFIGMAPS}?labelSelector=a%20in`,
    says: /^unable to parse/,
  },
  { what: 'a limit that is no number', method: 'GET', path: `${CONFIGMAPS}?limit=x`, says: /ParseInt/ },
  {
    what: 'a continue token that is none',
    method: 'GET',
    path: `${CONFIGMAPS}?continue=x`,
    says: /continue/,
  },
  { what: 'a path that is no text', method: 'GET', path: '/api/v1/%zz', says: /path/ },
].map((row) => ({ ...row, code: 400, reason: 'BadRequest' }));

const NAME = 'x'.repeat(254);
const invalid: readonly BadRequest[] = [
  {
    what: 'a name that is too long',
    body: configMap(NAME),
    says: /^ConfigMap "x{254}" is invalid: metadata\.name: Invalid value: "x{254}": must be no more than 253 characters$/,
  },
  {
    what: 'a namespace whose name is too long',
    path: '/api/v1/namespaces',
    body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x'.repeat(64) } }),
    says: /metadata\.name: Invalid value: "x{64}": must be no more than 63 characters/,
  },
  {
    what: 'a label that is too long',
    body: configMap('x', { metadata: { name: 'x', labels: { a: 'x'.repeat(64) } } }),
    says: /metadata\.labels: Invalid value: "x{64}": must be no more than 63 bytes$/,
  },
  {
    what: 'no name',
    body: configMap(''),
    says: /metadata\.name: Required value: name or generateName is required$/,
  },
  {
    what: 'a name in upper case',
    body: configMap('Upper'),
    says: /a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '\.'/,
  },
  {
    what: 'a ConfigMap of more than 1 MiB',
    body: configMap('x', { data: { a: 'x'.repeat(1_100_000) } }),
    says: /Too long: may not be more than 1048576 bytes$/,
  },
  {
    what: 'a validation that is none',
    path: `${CONFIGMAPS}?fieldValidation=Some`,
    body: configMap('x'),
    says: /^CreateOptions\.meta\.k8s\.io "" is invalid: fieldValidation: Unsupported value: "Some": /,
  },
  {
    what: 'a deletion in a way that is none',
    method: 'DELETE',
    path: `${CONFIGMAPS}/there?propagationPolicy=Some`,
    says: /^DeleteOptions\.meta\.k8s\.io "" is invalid: propagationPolicy: Unsupported value: "Some": /,
  },
].map((row) => ({ ...row, code: 422, reason: 'Invalid' }));

const refused: readonly BadRequest[] = [
  {
    what: 'a body of unknown type',
    body: 'x',
    type: 'text/plain',
    code: 415,
    reason: 'UnsupportedMediaType',
    says: /^the body of the request was in an unknown format - accepted media types include: application\/json, /,
  },
  {
    what: 'a patch that makes a wrong type',
    method: 'PATCH',
    path: `${CONFIGMAPS}/there`,
    body: '{"data":{"a":1}}',
    type: 'application/merge-patch+json',
    code: 422,
    reason: 'Invalid',
    says: /^ "" is invalid: patch: Invalid value: .*: json: cannot unmarshal number into Go struct field ConfigMap\.data of type string$/,
  },
  {
    what: 'a patch of unknown type',
    method: 'PATCH',
    path: `${CONFIGMAPS}/there`,
    body: '{}',
    code: 415,
    reason: 'UnsupportedMediaType',
    says: /^415: Unsupported Media Type$/,
  },
  {
    what: 'a body of 10 MB',
    body: configMap('x', { data: { a: 'x'.repeat(10_000_000) } }),
    code: 413,
    reason: 'RequestEntityTooLarge',
    says: /^Request entity too large: limit is 3145728$/,
  },
  {
    what: 'an answer in a type that is none',
    method: 'GET',
    type: 'accept',
    code: 406,
    reason: 'NotAcceptable',
    says: /^406: Not Acceptable\n\nAvailable representations: application\/json,/,
  },
  {
    what: 'what is there already',
    body: configMap('there'),
    code: 409,
    reason: 'AlreadyExists',
    says: /"there"/,
  },
  {
    what: 'a change of what has changed since',
    method: 'PUT',
    path: `${CONFIGMAPS}/there`,
    body: configMap('there', { metadata: { name: 'there', resourceVersion: '1' } }),
    code: 409,
    reason: 'Conflict',
    says: /the object has been modified; please apply your changes to the latest version and try again$/,
  },
  {
    what: 'what is not there',
    method: 'GET',
    path: `${CONFIGMAPS}/missing`,
    code: 404,
    reason: 'NotFound',
    says: /^configmaps "missing" not found$/,
  },
  {
    what: 'a namespace that is not there',
    path: CONFIGMAPS.replace('default', 'missing'),
    body: configMap('x'),
    code: 404,
    reason: 'NotFound',
    says: /^namespaces "missing" not found$/,
  },
  {
    what: 'a PUT of a collection',
    method: 'PUT',
    body: '{}',
    code: 405,
    reason: 'MethodNotAllowed',
    says: /./,
  },
];

export const badRequests: readonly BadRequest[] = [...malformed, ...wrong, ...invalid, ...refused];
