import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '#proto/schema/generated/apiextensions-v1.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import { hasDefaults, hasUnprunedDefaults } from '#server/registry/apiextensions/default-rules.ts';
import { requireNames, validateNames } from '#server/registry/apiextensions/definition-names.ts';
import {
  hasBadMapKeys,
  hasNonAtomicSets,
  hasUnknownTypes,
} from '#server/registry/apiextensions/open-api-rules.ts';
import { type SchemaOptions, validateSchema } from '#server/registry/apiextensions/schema-rules.ts';
import { structuralProblem, validateStructural } from '#server/registry/apiextensions/structural-rules.ts';
import {
  MAX_SELECTABLE_FIELDS,
  validateColumn,
  validateDeprecation,
  validateSelectableFields,
  validateSubresources,
} from '#server/registry/apiextensions/version-rules.ts';
import { isSame, oneOf } from '#server/registry/validation/field-checks.ts';
import { dns1035LabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import {
  bundleProblem,
  validateWebhookService,
  validateWebhookUrl,
} from '#server/registry/validation/webhook-client.ts';
import { someSchema } from '#server/structural/schema-tree.ts';

/** What an update need not set right that was wrong before. Rule: `ValidateCustomResourceDefinitionUpdate`. */
interface Options extends SchemaOptions {
  readonly requireSchemas: boolean;
  readonly requireKnownReviews: boolean;
  readonly allowBadBundle: boolean;
  /** Versions whose schema is what it was. */
  readonly unchanged: ReadonlySet<string>;
  /** Of versions whose too many selectable fields are what they were; `''` for all at once. */
  readonly tooManyFields: ReadonlySet<string>;
}

const schemasOf = ({ versions }: CustomResourceDefinitionSpec): JSONSchemaProps[] =>
  versions.flatMap(({ schema }) => (schema?.openAPIV3Schema ? [schema.openAPIV3Schema] : []));

function optionsOf(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
  cel: CelEngine | undefined,
): Options {
  const before = old ? schemasOf(old.spec) : [];
  const webhook = old?.spec.conversion?.webhook;
  const established = old?.status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True');
  const bundle = webhook?.clientConfig?.caBundle;
  const reviews = webhook?.conversionReviewVersions ?? [];
  return {
    cel,
    requireSchemas: !old || before.length === old.spec.versions.length,
    requireTypes: !before.some(hasUnknownTypes),
    requireStructural: !before.some(isNonStructural),
    requirePrunedDefaults: !before.some(hasUnprunedDefaults),
    requireAtomicSets: !before.some(hasNonAtomicSets),
    requireMapKeys: !before.some(hasBadMapKeys),
    requireKnownReviews: reviews.length === 0 || reviews.some(isKnownReview),
    allowBadBundle:
      !established || (bundle !== undefined && bundle !== '' && bundleProblem(bundle) !== undefined),
    tooManyFields: legacyFields(definition, old),
    unchanged: new Set(
      definition.spec.versions
        .filter(({ name, schema }) => {
          const before = old?.spec.versions.find((version) => version.name === name);
          return before && isSame(schema, before.schema);
        })
        .map(({ name }) => name),
    ),
  };
}

const isNonStructural = (schema: JSONSchemaProps): boolean =>
  structuralProblem(schema) !== undefined || validateStructural(schema, '').length > 0;

function legacyFields(
  { spec }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): ReadonlySet<string> {
  return new Set(
    spec.versions
      .filter(({ name, selectableFields = [] }) => {
        const before = old?.spec.versions.find((version) => version.name === name)?.selectableFields ?? [];
        return before.length > MAX_SELECTABLE_FIELDS && isSame(before, selectableFields);
      })
      .map(({ name }) => name),
  );
}

/** The whole of a definition's spec. Paths are upstream's: what all versions have in common is said of the spec itself. */
export function validateSpec(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
  cel: CelEngine | undefined,
): FieldError[] {
  const { spec } = definition;
  const { versions = [], names, conversion } = spec;
  const own = optionsOf(definition, old, cel);
  // Pruning, defaults and extensions are only defined for structural schemas.
  const requireStructural =
    own.requireStructural || !spec.preserveUnknownFields || schemasOf(spec).some(hasExtensions);
  const options = { ...own, requireStructural };
  return [
    ...validateGroup(spec.group),
    ...oneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced']),
    ...requireSchemas(spec, options),
    ...validateUnknownFields(spec),
    ...versions.flatMap((version, i) => validateVersion(spec, version, `spec.versions[${i}]`, options)),
    ...validateVersionList(versions),
    ...validateFirst(versions[0]),
    ...requireNames(names, 'spec.names'),
    ...validateNames(names, 'spec.names'),
    ...validateCommon(spec, options),
    ...validateConversion(conversion, spec, options),
  ];
}

function validateGroup(group: string): FieldError[] {
  if (!group) return [required('spec.group')];
  const problems = dnsSubdomainProblems(group);
  if (problems.length > 0) return [invalidValue('spec.group', group, problems.join(','))];
  return group.includes('.')
    ? []
    : [invalidValue('spec.group', group, 'should be a domain with at least one dot')];
}

function requireSchemas(
  spec: CustomResourceDefinitionSpec,
  { requireSchemas: required_ }: Options,
): FieldError[] {
  return spec.versions.flatMap(({ schema, served }, i) => {
    if (schema?.openAPIV3Schema) return [];
    const at = `spec.versions[${i}].schema.openAPIV3Schema`;
    if (required_) return [required(at)];
    return !spec.preserveUnknownFields && served
      ? [required(at, 'because otherwise all fields are pruned')]
      : [];
  });
}

function validateUnknownFields(spec: CustomResourceDefinitionSpec): FieldError[] {
  if (!spec.preserveUnknownFields || !schemasOf(spec).some(hasDefaults)) return [];
  const detail = 'must be false in order to use defaults in the schema';
  return [invalidValue('spec.preserveUnknownFields', true, detail)];
}

/** Do all versions say the same of this? */
function isCommon(
  versions: readonly CustomResourceDefinitionVersion[],
  key: keyof CustomResourceDefinitionVersion,
): boolean {
  return versions.every((version) => isSame(version[key], versions[0]?.[key]));
}

function validateVersion(
  { versions }: CustomResourceDefinitionSpec,
  version: CustomResourceDefinitionVersion,
  path: string,
  options: Options,
): FieldError[] {
  const problems = dns1035LabelProblems(version.name);
  const errors = [
    ...(problems.length > 0 ? [invalidValue(`${path}.name`, version.name, problems.join(','))] : []),
    ...validateDeprecation(version, path),
  ];
  const schema = version.schema?.openAPIV3Schema;
  if (schema && !isCommon(versions, 'schema'))
    errors.push(
      ...validateSchema(
        schema,
        `${path}.schema`,
        { hasStatus: hasStatus(version), isUnchanged: options.unchanged.has(version.name) },
        options,
      ),
    );
  if (!isCommon(versions, 'subresources'))
    errors.push(...validateSubresources(version.subresources, `${path}.subresources`));
  if (!isCommon(versions, 'additionalPrinterColumns')) errors.push(...validateColumns(version, path));
  if (!isCommon(versions, 'selectableFields') && version.selectableFields?.length) {
    // Upstream has moved the schema to the spec by now, where the fields of a version can't find it.
    const detail = 'may only be set when `version.schema.openAPIV3Schema` is not included';
    if (!schema || isCommon(versions, 'schema'))
      errors.push(invalidValue(`${path}.selectableFields`, '', detail));
    else errors.push(...validateFields(version, path, options.tooManyFields.has(version.name)));
  }
  return errors;
}

const hasStatus = ({ subresources }: CustomResourceDefinitionVersion): boolean =>
  subresources?.status !== undefined;

const validateColumns = (
  { additionalPrinterColumns = [] }: CustomResourceDefinitionVersion,
  path: string,
): FieldError[] =>
  additionalPrinterColumns.flatMap((column, i) =>
    validateColumn(column, `${path}.additionalPrinterColumns[${i}]`),
  );

const validateFields = (
  { selectableFields = [], schema }: CustomResourceDefinitionVersion,
  path: string,
  isLegacy: boolean,
): FieldError[] =>
  validateSelectableFields(
    selectableFields,
    schema?.openAPIV3Schema ?? {},
    `${path}.selectableFields`,
    isLegacy,
  );

/** What all versions have in common, at the paths that it has as part of the spec. */
function validateCommon({ versions }: CustomResourceDefinitionSpec, options: Options): FieldError[] {
  const [first] = versions;
  if (!first) return [];
  const schema = first.schema?.openAPIV3Schema;
  const errors: FieldError[] = [];
  if (schema && isCommon(versions, 'schema'))
    errors.push(
      ...validateSchema(
        schema,
        'spec.validation',
        { hasStatus: versions.some(hasStatus), isUnchanged: options.unchanged.has(first.name) },
        options,
      ),
    );
  if (isCommon(versions, 'subresources'))
    errors.push(...validateSubresources(first.subresources, 'spec.subresources'));
  if (isCommon(versions, 'additionalPrinterColumns')) errors.push(...validateColumns(first, 'spec'));
  if (isCommon(versions, 'selectableFields') && schema)
    errors.push(...validateFields(first, 'spec', options.tooManyFields.has(first.name)));
  return errors;
}

function validateVersionList(versions: readonly CustomResourceDefinitionVersion[]): FieldError[] {
  const errors: FieldError[] = [];
  const shown = goVersions(versions);
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    errors.push(invalidValue('spec.versions', shown, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1) {
    const detail = 'must have exactly one version marked as storage version';
    errors.push(invalidValue('spec.versions', shown, detail));
  }
  return errors;
}

/** As the error of upstream shows them, without what they have in common. */
const goVersions = (versions: readonly CustomResourceDefinitionVersion[]): unknown[] =>
  versions.map(({ name, served, storage, deprecated, deprecationWarning }) => ({
    Name: name,
    Served: served,
    Storage: storage,
    Deprecated: deprecated ?? false,
    DeprecationWarning: deprecationWarning ?? null,
    Schema: null,
    Subresources: null,
    AdditionalPrinterColumns: null,
    SelectableFields: null,
  }));

/** Of the first version, upstream keeps the name in a second place. */
function validateFirst(first: CustomResourceDefinitionVersion | undefined): FieldError[] {
  const problems = first?.name ? dns1035LabelProblems(first.name) : [];
  return problems.length > 0 ? [invalidValue('spec.version', first?.name, problems.join(','))] : [];
}

const REVIEWS = ['v1', 'v1beta1'];
const isKnownReview = (version: string): boolean => REVIEWS.includes(version);

function validateConversion(
  conversion: CustomResourceConversion | undefined,
  { preserveUnknownFields }: CustomResourceDefinitionSpec,
  options: Options,
): FieldError[] {
  if (!conversion) return [];
  const path = 'spec.conversion';
  const { strategy, webhook } = conversion;
  const errors: FieldError[] = [];
  if (strategy !== 'None' && preserveUnknownFields) {
    const detail = 'must be None if spec.preserveUnknownFields is true';
    errors.push(invalidValue(`${path}.strategy`, strategy, detail));
  }
  errors.push(...oneOf(`${path}.strategy`, strategy, ['None', 'Webhook']));
  if (strategy === 'Webhook') return [...errors, ...validateWebhook(webhook, path, options)];
  const unused = 'should not be set when strategy is not set to Webhook';
  if (webhook?.clientConfig) errors.push(forbiddenField(`${path}.webhookClientConfig`, unused));
  if (webhook?.conversionReviewVersions?.length)
    errors.push(forbiddenField(`${path}.conversionReviewVersions`, unused));
  return errors;
}

function validateWebhook(
  webhook: CustomResourceConversion['webhook'],
  path: string,
  { allowBadBundle, requireKnownReviews }: Options,
): FieldError[] {
  const config = webhook?.clientConfig;
  const at = `${path}.webhookClientConfig`;
  const errors: FieldError[] = [];
  if (!config) errors.push(required(at, 'required when strategy is set to Webhook'));
  else {
    const { url, service, caBundle } = config;
    if ((url === undefined) === (service === undefined))
      errors.push(required(at, 'exactly one of url or service is required'));
    else if (url !== undefined) errors.push(...validateWebhookUrl(url, `${at}.url`));
    else if (service) errors.push(...validateWebhookService(service, `${at}.service`));
    const problem = caBundle && !allowBadBundle ? bundleProblem(caBundle) : undefined;
    if (problem !== undefined) errors.push(invalidValue(`${at}.caBundle`, caBundle, problem));
  }
  return [
    ...errors,
    ...validateReviews(
      webhook?.conversionReviewVersions ?? [],
      `${path}.conversionReviewVersions`,
      requireKnownReviews,
    ),
  ];
}

function validateReviews(versions: readonly string[], path: string, requireKnown: boolean): FieldError[] {
  if (versions.length === 0) return [required(path)];
  const errors = versions.flatMap((version, i) => {
    const at = `${path}[${i}]`;
    if (versions.indexOf(version) < i) return [invalidValue(at, version, 'duplicate version')];
    return dns1035LabelProblems(version).map((problem) => invalidValue(at, version, problem));
  });
  if (requireKnown && !versions.some(isKnownReview))
    errors.push(invalidValue(path, versions, `must include at least one of ${REVIEWS.join(', ')}`));
  return errors;
}

const EXTENSIONS = [
  'x-kubernetes-embedded-resource',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-validations',
] as const;

const hasExtensions = (schema: JSONSchemaProps): boolean =>
  hasDefaults(schema) || someSchema(schema, (one) => EXTENSIONS.some((key) => one[key] !== undefined));
