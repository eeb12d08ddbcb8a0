import { describe, expect, it } from 'vitest';
import type { ValidatingAdmissionPolicy } from '#proto/schema/generated/admissionregistration-v1.ts';
import { schema } from '#proto/schema/schema.ts';
import { loadCel } from '#server/cel/load.ts';
import { typeOfMessage } from '#server/controllers/validatingadmissionpolicy/kind-type.ts';
import {
  namedResources,
  planTypeChecking,
} from '#server/controllers/validatingadmissionpolicy/type-check.plan.ts';

const cel = await loadCel();

function aKind(group: string, version: string, kind: string) {
  const message = schema.kind({ group, version, kind });
  if (!message) throw new Error(`no kind ${kind}`);
  return { group, version, kind, type: typeOfMessage(message, kind) };
}

const DEPLOYMENT = aKind('apps', 'v1', 'Deployment');
const STATEFUL_SET = aKind('apps', 'v1', 'StatefulSet');
const SECRET = aKind('', 'v1', 'Secret');
const CONFIG_MAP = aKind('', 'v1', 'ConfigMap');

const policy = (spec: ValidatingAdmissionPolicy['spec']): ValidatingAdmissionPolicy => ({
  metadata: { name: 'p' },
  spec,
});

/** What is said of one expression, about Deployments unless others are given. */
const warningOf = (
  expression: string,
  kinds = [DEPLOYMENT],
  spec: ValidatingAdmissionPolicy['spec'] = {},
): string | undefined =>
  planTypeChecking(
    policy({ ...spec, validations: [{ expression }] }),
    cel,
    kinds,
    spec.paramKind && CONFIG_MAP.type,
  )[0]?.warning;

describe('the checking of a policy against types', () => {
  it.each([
    ['object.spec.replicas > "1"', 22, "found no matching overload for '_>_' applied to '(int, string)'"],
    ['object.spec.foo == 1', 12, "undefined field 'foo'"],
    ['object.metadata.name == 1', 22, "found no matching overload for '_==_' applied to '(string, int)'"],
    [
      'object.spec.template.spec.containers[0].ports[0].containerPort == "x"',
      64,
      "found no matching overload for '_==_' applied to '(int, string)'",
    ],
    [
      'object.metadata.creationTimestamp == 1',
      35,
      "found no matching overload for '_==_' applied to '(timestamp, int)'",
    ],
    ['object.metadata.managedFields[0].fieldsV1.x == 1', 42, "undefined field 'x'"],
    [
      'object.metadata.labels == 1',
      24,
      "found no matching overload for '_==_' applied to '(map(string, string), int)'",
    ],
    ['oldObject.spec.x', 15, "undefined field 'x'"],
    ['request.x', 8, "undefined field 'x'"],
    ['params.x', 1, "undeclared reference to 'params' (in container '')"],
    ['object.spec.paused == 1', 20, "found no matching overload for '_==_' applied to '(bool, int)'"],
  ])('says what upstream says of %s', (expression, column, problem) => {
    expect(warningOf(expression)).toBe(
      `apps/v1, Kind=Deployment: ERROR: <input>:1:${column}: ${problem}\n | ${expression}\n | ${'.'.repeat(column - 1)}^\n`,
    );
  });

  it.each([
    'has(object.spec.replicas)',
    'object.spec.replicas > 1',
    'object.spec.strategy.rollingUpdate.maxSurge == 1',
    'object.spec.template.spec.containers[0].livenessProbe.httpGet.port == "x"',
    'object.spec.template.spec.containers.all(c, c.resources.limits["cpu"] == "1")',
    'authorizer.requestResource.check("get").allowed()',
  ])('has nothing against %s', (expression) => {
    expect(warningOf(expression)).toBeUndefined();
  });

  it('knows variables by the types of their expressions', () => {
    const variables = [{ name: 'v', expression: 'object.spec.replicas > 1' }];
    expect(warningOf('variables.v', [DEPLOYMENT], { variables })).toBeUndefined();
    expect(warningOf('variables.v == 1', [DEPLOYMENT], { variables })).toContain("applied to '(bool, int)'");
    expect(warningOf('variables.q', [DEPLOYMENT], { variables })).toContain("undefined field 'q'");
  });

  it('knows parameters by the kind of the policy', () => {
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    expect(warningOf('params.data.x == "1"', [DEPLOYMENT], { paramKind })).toBeUndefined();
    expect(warningOf('params.x', [DEPLOYMENT], { paramKind })).toContain("undefined field 'x'");
  });

  it('says it of each kind, in their order', () => {
    expect(warningOf('object.data.x == 1', [SECRET, CONFIG_MAP])).toBe(
      "/v1, Kind=ConfigMap: ERROR: <input>:1:15: found no matching overload for '_==_' applied to '(string, int)'\n" +
        ' | object.data.x == 1\n | ..............^\n\n' +
        "/v1, Kind=Secret: ERROR: <input>:1:15: found no matching overload for '_==_' applied to '(bytes, int)'\n" +
        ' | object.data.x == 1\n | ..............^\n',
    );
    const both = warningOf('object.spec.serviceName == 1', [STATEFUL_SET, DEPLOYMENT]);
    expect(both).toMatch(/^apps\/v1, Kind=Deployment: .*undefined field 'serviceName'/);
    expect(both).toMatch(/\n\napps\/v1, Kind=StatefulSet: .*'\(string, int\)'/);
  });

  it('tells the expression from its message', () => {
    const validations = [
      { expression: 'true' },
      { expression: 'object.spec.x == 1', messageExpression: 'object.spec.y' },
    ];
    expect(
      planTypeChecking(policy({ validations }), cel, [DEPLOYMENT], undefined).map(({ fieldRef }) => fieldRef),
    ).toEqual(['spec.validations[1].expression', 'spec.validations[1].messageExpression']);
  });
});

describe('the resources to check', () => {
  const rule = (apiGroups: string[], apiVersions: string[], resources: string[]) => ({
    apiGroups,
    apiVersions,
    resources,
    operations: ['*'],
  });

  it('are those that rules name in full', () => {
    expect(namedResources([rule(['', 'apps'], ['v1'], ['a', 'b/status', '*', '*/*'])])).toEqual([
      { group: '', version: 'v1', plural: 'a' },
      { group: 'apps', version: 'v1', plural: 'a' },
    ]);
  });

  it('are none where a group or version is anything', () => {
    expect(namedResources([rule(['*'], ['v1'], ['a']), rule(['apps'], ['*'], ['a'])])).toEqual([]);
    expect(namedResources(undefined)).toEqual([]);
  });
});
