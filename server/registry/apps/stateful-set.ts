import { type FieldError, forbiddenField, invalidValue } from '#proto/meta/field-error.ts';
import type { StatefulSet, StatefulSetSpec } from '#proto/schema/generated/apps-v1.ts';
import { validateWorkload } from '#server/registry/apps/workload.ts';
import { applyClaimSpecDefaults } from '#server/registry/core/persistent-volume-claim.ts';
import { applyTemplateDefaults } from '#server/registry/core/pod-defaults.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isSame, nonNegative, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import { isNotMoreThan100Percent, validateIntOrPercent } from '#server/registry/validation/int-or-percent.ts';
import { dnsLabelProblems } from '#server/registry/validation/names.ts';

const RETENTION = ['Retain', 'Delete'];

/** What may change in a StatefulSet; the rest would need Pods and volumes to be made anew. */
const MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const satisfies readonly (keyof StatefulSetSpec)[];

const ONLY_MUTABLE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/** StatefulSets. Rule: upstream's `pkg/registry/apps/statefulset/strategy.go`. */
export const statefulSet: Strategy<StatefulSet> = {
  nameRule: 'dns-subdomain',
  applyDefaults: (object) => {
    object.spec ??= { serviceName: '', template: {} };
    const { spec } = object;
    spec.template ??= {};
    applyTemplateDefaults(spec.template);
    spec.podManagementPolicy ||= 'OrderedReady';
    spec.updateStrategy ??= {};
    const strategy = spec.updateStrategy;
    if (!strategy.type) {
      strategy.type = 'RollingUpdate';
      strategy.rollingUpdate ??= {};
    }
    if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) strategy.rollingUpdate.partition ??= 0;
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ??= 'v1';
      claim.kind ??= 'PersistentVolumeClaim';
      claim.status ??= { phase: 'Pending' };
      if (claim.spec) applyClaimSpecDefaults(claim.spec);
    }
  },
  validate: (object, { subresource }) =>
    subresource === 'status'
      ? []
      : [
          ...problemsAt('metadata.name', object.metadata.name, nameProblems(object.metadata.name)),
          ...validateSpec(object.spec),
        ],
  validateUpdate: (object, old, { subresource }) => {
    if (subresource) return [];
    const frozen = { ...object.spec };
    for (const field of MUTABLE) Object.assign(frozen, { [field]: old.spec[field] });
    return isSame(frozen, old.spec) ? [] : [forbiddenField('spec', ONLY_MUTABLE)];
  },
};

/** Its Pods' host names are made of it; only the dots are new here, the rest the name rule says. */
const nameProblems = (name = ''): string[] => (name.includes('.') ? dnsLabelProblems(name) : []);

function validateSpec(spec: StatefulSetSpec): FieldError[] {
  const errors: FieldError[] = [];
  const {
    podManagementPolicy: management,
    updateStrategy: strategy,
    persistentVolumeClaimRetentionPolicy,
  } = spec;
  if (management !== 'OrderedReady' && management !== 'Parallel') {
    errors.push(invalidValue('spec.podManagementPolicy', management, "must be 'OrderedReady' or 'Parallel'"));
  }
  errors.push(...validateUpdateStrategy(strategy));
  const retention = 'spec.persistentVolumeClaimRetentionPolicy';
  return [
    ...errors,
    ...oneOf(`${retention}.whenDeleted`, persistentVolumeClaimRetentionPolicy?.whenDeleted, RETENTION, true),
    ...oneOf(`${retention}.whenScaled`, persistentVolumeClaimRetentionPolicy?.whenScaled, RETENTION, true),
    ...(spec.serviceName
      ? problemsAt('spec.serviceName', spec.serviceName, dnsLabelProblems(spec.serviceName))
      : []),
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...validateWorkload(withClaims(spec), { inSelector: 'statefulset', inTemplate: 'StatefulSet' }),
  ];
}

function validateUpdateStrategy(strategy: StatefulSetSpec['updateStrategy']): FieldError[] {
  const path = 'spec.updateStrategy';
  switch (strategy?.type) {
    case 'OnDelete':
      if (!strategy.rollingUpdate) return [];
      return [
        invalidValue(
          `${path}.rollingUpdate`,
          strategy.rollingUpdate,
          "only allowed for updateStrategy 'RollingUpdate'",
        ),
      ];
    case 'RollingUpdate': {
      const { partition, maxUnavailable } = strategy.rollingUpdate ?? {};
      const at = `${path}.rollingUpdate.maxUnavailable`;
      return [
        ...nonNegative(`${path}.rollingUpdate.partition`, partition),
        ...validateIntOrPercent(maxUnavailable, at),
        ...(maxUnavailable === 0 ? [invalidValue(at, maxUnavailable, 'cannot be 0')] : []),
        ...isNotMoreThan100Percent(maxUnavailable, at),
      ];
    }
    default:
      return [invalidValue(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  }
}

/** Mounts may name a claim template: the controller adds a volume for each. */
function withClaims(spec: StatefulSetSpec): StatefulSetSpec {
  const own = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name ?? '');
  const podSpec = spec.template?.spec;
  if (own.length === 0 || !podSpec) return spec;
  const volumes = [
    ...(podSpec.volumes ?? []).filter((volume) => !own.includes(volume.name)),
    ...own.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
  ];
  return { ...spec, template: { ...spec.template, spec: { ...podSpec, volumes } } };
}
