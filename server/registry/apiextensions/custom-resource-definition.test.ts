import { describe, expect, test } from 'vitest';
import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { CustomResourceDefinition, JSONSchemaProps } from '#proto/schema/generated/apiextensions-v1.ts';
import { type AVersion, aDefinition, install } from '#server/apiserver/customresources/testing.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { changeObject } from '#server/apiserver/rest/update.ts';
import { aCall, testApi } from '#server/apiserver/testing/test-api.ts';
import { customResourceDefinition } from '#server/registry/apiextensions/custom-resource-definition.ts';
import type { Strategy } from '#server/registry/strategy.ts';

type Spec = Partial<CustomResourceDefinition['spec']>;

const anApi = (): Api =>
  testApi({ 'customresourcedefinitions.apiextensions.k8s.io': customResourceDefinition as Strategy });

async function refusal(action: Promise<unknown>): Promise<string[]> {
  try {
    await action;
    return [];
  } catch (err) {
    if (!(err instanceof StatusError)) throw err;
    return (err.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
  }
}

/** What creating it says, one line for each cause. */
const causes = (definition: CustomResourceDefinition): Promise<string[]> =>
  refusal(createObject(anApi(), aCall(customresourcedefinitions), definition as KubeObject));

const AT = 'spec.validation.openAPIV3Schema';
const A = `${AT}.properties[a]`;
const withA = (a: JSONSchemaProps): AVersion[] => [{ props: { properties: { a } } }];
const NAMES = { plural: 'widgets', kind: 'Widget' };
const LIST_OF = (items: JSONSchemaProps, rest: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'array',
  items,
  ...rest,
});

describe('a definition', () => {
  test('is completed, and lists what it stores', async () => {
    const definition = aDefinition([{ name: 'v1', storage: false }, { name: 'v2' }], { names: NAMES });
    const entry = await createObject(anApi(), aCall(customresourcedefinitions), definition as KubeObject);
    const made = objectOf(entry) as CustomResourceDefinition;
    expect(made.spec.names).toEqual({ ...NAMES, singular: 'widget', listKind: 'WidgetList' });
    expect(made.spec.conversion).toEqual({ strategy: 'None' });
    expect(made.status?.storedVersions).toEqual(['v2']);
  });

  test.each<[string, Spec, string[]]>([
    ['as it should be', {}, []],
    [
      'of a group without a domain',
      { group: 'abc' },
      [
        'metadata.name: Invalid value: "widgets.example.com": must be spec.names.plural+"."+spec.group',
        'spec.group: Invalid value: "abc": should be a domain with at least one dot',
      ],
    ],
    [
      'of a scope that is none',
      { scope: 'Galaxy' },
      ['spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"'],
    ],
    [
      'whose list is called as its items',
      { names: { ...NAMES, listKind: 'Widget' } },
      ['spec.names.listKind: Invalid value: "Widget": kind and listKind may not be the same'],
    ],
    [
      'with a conversion by nobody',
      { conversion: { strategy: 'Webhook' } },
      [
        'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
        'spec.conversion.conversionReviewVersions: Required value',
      ],
    ],
    [
      'with a conversion by something else',
      { conversion: { strategy: 'Magic' } },
      ['spec.conversion.strategy: Unsupported value: "Magic": supported values: "None", "Webhook"'],
    ],
    [
      'that keeps what it does not know',
      { preserveUnknownFields: true },
      [
        'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ],
    ],
  ])('%s', async (_, spec, said) => {
    expect(await causes(aDefinition([{}], spec))).toEqual(said);
  });

  test.each<[string, AVersion[], unknown[]]>([
    [
      'none that is stored',
      [{ storage: false }],
      [
        expect.stringMatching(
          /^spec.versions: Invalid value: .*: must have exactly one version marked as storage/,
        ),
        'status.storedVersions: Invalid value: null: must have at least one stored version',
      ],
    ],
    [
      'two that are stored',
      [{}, { name: 'v2' }],
      [
        expect.stringMatching(
          /^spec.versions: Invalid value: .*: must have exactly one version marked as storage/,
        ),
        'status.storedVersions: Invalid value: ["v1"]: must have the storage version v2',
      ],
    ],
    [
      'one name twice',
      [{}, { storage: false }],
      [expect.stringMatching(/^spec.versions: Invalid value: .*: must contain unique version names$/)],
    ],
    ['no schema', [{ schema: {} }], ['spec.versions[0].schema.openAPIV3Schema: Required value']],
    [
      'a scale without places',
      [{ subresources: { scale: { specReplicasPath: 'spec.a', statusReplicasPath: '' } } }],
      [
        'spec.subresources.scale.specReplicasPath: Invalid value: "spec.a": must be a simple json path starting with .',
        'spec.subresources.scale.statusReplicasPath: Required value',
      ],
    ],
    [
      'a column of an odd type',
      [{ additionalPrinterColumns: [{ name: 'x', type: 'foo', jsonPath: '.a' }] }],
      [
        'spec.additionalPrinterColumns[0].type: Invalid value: "foo": must be one of boolean,date,integer,number,string',
      ],
    ],
    [
      'a selectable field that is not there',
      [{ selectableFields: [{ jsonPath: '.spec.zz' }] }],
      [
        'spec.selectableFields[0].jsonPath: Invalid value: ".spec.zz": is an invalid path: does not refer to a valid field',
      ],
    ],
  ])('of versions with %s', async (_, versions, said) => {
    expect(await causes(aDefinition(versions))).toEqual(said);
  });

  test.each<[string, JSONSchemaProps, unknown[]]>([
    ['a string', { type: 'string' }, []],
    ['no type', {}, [`${A}.type: Required value: must not be empty for specified object fields`]],
    [
      'an unknown type',
      { type: 'foo' },
      [
        `${A}.type: Unsupported value: "foo": supported values: "array", "boolean", "integer", "number", "object", "string"`,
      ],
    ],
    ['a list of nothing', { type: 'array' }, [`${A}.items: Required value: must be specified`]],
    [
      'a set of objects that change apart',
      LIST_OF({ type: 'object' }, { 'x-kubernetes-list-type': 'set' }),
      [
        `${A}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
      ],
    ],
    [
      'a map without keys',
      LIST_OF({ type: 'object' }, { 'x-kubernetes-list-type': 'map' }),
      [`${A}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`],
    ],
    [
      'properties beside additional ones',
      { type: 'object', properties: { x: { type: 'string' } }, additionalProperties: { type: 'string' } },
      [`${A}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`],
    ],
    [
      'a type inside of an alternative',
      { type: 'integer', anyOf: [{ type: 'integer' }] },
      [`${A}.anyOf[0].type: Forbidden: must be empty to be structural`],
    ],
    [
      'unique items',
      LIST_OF({ type: 'string' }, { uniqueItems: true }),
      [
        `${A}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
      ],
    ],
    [
      'a default of another type',
      { type: 'string', default: 1 as never },
      [`${A}.default: Invalid value: "integer":  in body must be of type string: "integer"`],
    ],
    [
      'a default with more than the schema',
      { type: 'object', default: { y: 1 } as never, properties: { x: { type: 'string' } } },
      [`${A}.default: Invalid value: {"y":1}: must not have unknown fields`],
    ],
    [
      'a rule that does not compile',
      { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self <' }] },
      [expect.stringContaining('compilation failed: ERROR: <input>:1:7: Syntax error')],
    ],
    [
      'a rule that comes to no answer',
      { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self + 1' }] },
      [expect.stringContaining('cel expression must evaluate to a bool')],
    ],
    [
      'a rule over what has no schema',
      { 'x-kubernetes-preserve-unknown-fields': true, 'x-kubernetes-validations': [{ rule: 'self.a' }] },
      [expect.stringContaining('unable to convert structural schema to CEL declarations')],
    ],
    [
      'a rule that compares what can not be found again',
      LIST_OF({ type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] }),
      [
        `${A}.items.x-kubernetes-validations[0].rule: Invalid value: "self >= oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${A}`,
      ],
    ],
    [
      'a rule that its default breaks',
      { type: 'integer', default: 1 as never, 'x-kubernetes-validations': [{ rule: 'self > 1' }] },
      [`${A}.default: Invalid value: 1: failed rule: self > 1`],
    ],
  ])('of a schema with %s', async (_, schema, said) => {
    expect(await causes(aDefinition(withA(schema)))).toEqual(said);
  });

  test('of several schemas is told by version', async () => {
    expect(await causes(aDefinition([{}, { name: 'v2', storage: false, ...withA({})[0] }]))).toEqual([
      'spec.versions[1].schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
    ]);
  });

  test.each([
    ['', ['metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have']],
    ['maybe', ['metadata.annotations[api-approved.kubernetes.io]: Invalid value: "maybe": protected groups']],
    ['unapproved, try', []],
    ['https://example.com/1', []],
  ])('of the community has its word: %j', async (annotation, said) => {
    const definition = aDefinition([{}], { group: 'x.k8s.io' });
    definition.metadata.name = 'widgets.x.k8s.io';
    definition.metadata.annotations = annotation ? { 'api-approved.kubernetes.io': annotation } : {};
    expect(await causes(definition)).toEqual(said.map((text) => expect.stringContaining(text)));
  });
});

describe('a change of a definition', () => {
  const change = (api: Api, edit: (definition: CustomResourceDefinition) => void): Promise<string[]> =>
    refusal(
      changeObject(api, aCall(customresourcedefinitions, 'widgets.example.com'), (old) => {
        const next = structuredClone(old) as CustomResourceDefinition;
        edit(next);
        return next;
      }),
    );

  test('leaves alone where its objects lie', async () => {
    const api = anApi();
    await install(api, aDefinition());
    expect(
      await change(api, ({ spec }) => {
        spec.scope = 'Cluster';
      }),
    ).toEqual(['spec.scope: Invalid value: "Cluster": field is immutable']);
  });

  test('can not forget a version that is stored', async () => {
    const api = anApi();
    await install(api, aDefinition([{}, { name: 'v2', storage: false }]));
    const toSecond = ({ spec }: CustomResourceDefinition): void => {
      for (const version of spec.versions) version.storage = version.name === 'v2';
    };
    expect(await change(api, toSecond)).toEqual([]);
    expect(
      await change(api, ({ spec }) => {
        spec.versions = spec.versions.filter(({ name }) => name !== 'v1');
      }),
    ).toEqual([
      expect.stringContaining(
        'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was',
      ),
    ]);
  });

  test('warns of formats that nobody checks', async () => {
    const warnings: string[] = [];
    const warn = (text: string): void => void warnings.push(text);
    const call = aCall(customresourcedefinitions, '', { warn });
    await createObject(anApi(), call, aDefinition(withA({ type: 'string', format: 'odd' })) as KubeObject);
    expect(warnings).toEqual(['unrecognized format "odd"']);
  });
});
