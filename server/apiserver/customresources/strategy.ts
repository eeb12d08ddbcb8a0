import { isDeepStrictEqual } from 'node:util';
import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { CustomVersion } from '#server/apiserver/customresources/custom-version.ts';
import { validateScale } from '#server/apiserver/customresources/scale.ts';
import type { Strategy, StrategyContext } from '#server/registry/strategy.ts';
import { Correlation } from '#server/structural/correlation.plan.ts';
import { causesOf, NO_PATH } from '#server/structural/findings.plan.ts';
import { validateListTypes } from '#server/structural/list-types.plan.ts';
import { fieldSchema } from '#server/structural/schema.ts';
import { validateEmbedded } from '#server/structural/validate-embedded.ts';
import { validateRules } from '#server/structural/validate-rules.ts';
import { validateValue } from '#server/structural/validate-value.ts';

type WithStatus = KubeObject & { status?: unknown };

/** What is particular to custom kinds. Rule: apiextensions-apiserver `registry/customresource/strategy.go`. */
export function customStrategy(version: CustomVersion): Strategy {
  return {
    // Counted here: without a status of its own, a change of `status` counts as well.
    generation: false,
    unconditionalUpdate: false,
    prepareForCreate: (object: WithStatus) => {
      if (version.hasStatus) delete object.status;
      object.metadata.generation = 1;
    },
    prepareForUpdate: (object, old, { subresource }) => {
      if (subresource === 'status') {
        const { managedFields, resourceVersion } = object.metadata;
        object.metadata = { ...structuredClone(old.metadata), resourceVersion };
        if (managedFields) object.metadata.managedFields = managedFields;
        else delete object.metadata.managedFields;
      } else if (!isDeepStrictEqual(contentOf(object), contentOf(old))) {
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
      }
    },
    needsCel: () => version.hasRules,
    validate: (object, context) => validateObject(version, object, context),
    warnings: ({ metadata }, old) =>
      (metadata.finalizers ?? [])
        .filter((name) => !old?.metadata.finalizers?.includes(name))
        .sort()
        .flatMap(finalizerWarnings),
  };
}

const contentOf = ({ metadata: _, ...content }: KubeObject): object => content;

function validateObject(
  version: CustomVersion,
  object: WithStatus,
  { subresource, old, cel, warn }: StrategyContext,
): FieldError[] {
  const { schema, scale } = version;
  const isStatus = subresource === 'status';
  const before = old && new Correlation(object, old, schema);
  const errors = isStatus ? validateStatus(version, object, before) : validateWhole(version, object, before);
  if (scale) errors.push(...validateScale(scale, object, isStatus));
  if (!isStatus) errors.push(...validateEmbedded(object, schema));
  const lists = validateListTypes(object, schema);
  // Lists that had something twice before may keep it.
  if (lists.length > 0 && (!old || validateListTypes(old, schema).length === 0)) errors.push(...lists);
  const rules = cel && version.rules(cel);
  if (!cel || !rules) return errors;
  // Rules rely on values being of their types.
  if (errors.some(({ reason }) => BLOCKING.includes(reason ?? ''))) return [...errors, INCOMPLETE];
  const pardoned = ({ field, message }: FieldError): void => warn?.(`${field}: ${message}`);
  return [...errors, ...validateRules(cel, rules, object, old, { before, pardoned })];
}

function validateWhole(
  version: CustomVersion,
  object: KubeObject,
  before: Correlation | undefined,
): FieldError[] {
  const { schema } = version;
  return schema ? causesOf(validateValue(object, schema, version.patterns, before), '') : [];
}

/** A status is looked at by its own part of the schema. */
function validateStatus(
  version: CustomVersion,
  object: WithStatus,
  before: Correlation | undefined,
): FieldError[] {
  const schema = version.schema && fieldSchema(version.schema, 'status');
  if (!schema || object.status === undefined) return [];
  const own = before?.field('status');
  const found = validateValue(object.status, schema, version.patterns, own);
  return own?.unchanged ? [] : causesOf(found, 'status');
}

const STANDARD_FINALIZERS = ['orphan', 'foregroundDeletion', 'kubernetes'];

function finalizerWarnings(name: string): string[] {
  const at = `metadata.finalizers: ${JSON.stringify(name)}`;
  const warnings = labelKeyProblems(name).map((problem) => `${at}: ${problem}`);
  if (name.includes('/') || STANDARD_FINALIZERS.includes(name)) return warnings;
  const how = name.includes('.') ? ' including a path (/)' : '';
  return [
    ...warnings,
    `${at}: prefer a domain-qualified finalizer name${how} to avoid accidental conflicts with other finalizer writers`,
  ];
}

const BLOCKING = [
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
];

const INCOMPLETE = invalidValue(
  NO_PATH,
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);
