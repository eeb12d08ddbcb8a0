import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import type {
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  QueuingConfiguration,
} from '#proto/schema/generated/flowcontrol-v1.ts';
import { defaultPriorityLevels, MANDATORY } from '#server/registry/flowcontrol/default-objects.ts';
import { statusProblems } from '#server/registry/flowcontrol/flow-schema.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isSame, oneOf } from '#server/registry/validation/field-checks.ts';

const MAX_QUEUES = 10_000_000;
/** Of a flow's hash, so many bits deal its hand. */
const MAX_HASH_BITS = 60;

/** How many requests may run at once. Rule: upstream's `pkg/apis/flowcontrol/validation`. */
export const priorityLevelConfiguration: Strategy<PriorityLevelConfiguration> = {
  applyDefaults: ({ spec }) => {
    if (spec?.exempt) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (!spec?.limited) return;
    spec.limited.nominalConcurrencyShares ??= 30;
    spec.limited.lendablePercent ??= 0;
    const queuing = spec.limited.limitResponse?.queuing;
    if (!queuing) return;
    queuing.queues ||= 64;
    queuing.handSize ||= 8;
    queuing.queueLengthLimit ||= 50;
  },
  prepareForCreate: (object) => {
    object.status = {};
  },
  validate: (object, { subresource }) =>
    subresource === 'status'
      ? statusProblems(object.status)
      : [...specProblems(object), ...fixedProblems(object), ...statusProblems(object.status)],
};

function specProblems({ metadata: { name }, spec }: PriorityLevelConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  const type = spec?.type ?? '';
  if ((name === 'exempt') !== (type === 'Exempt'))
    errors.push(invalidValue('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  if (type === 'Exempt') {
    if (spec?.limited) errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'));
    return [...errors, ...shareProblems(spec?.exempt, 'spec.exempt')];
  }
  if (type !== 'Limited') return [...errors, ...oneOf('spec.type', type, ['Exempt', 'Limited'])];
  if (spec?.exempt) errors.push(forbiddenField('spec.exempt', 'must be nil if the type is Limited'));
  return spec?.limited
    ? [...errors, ...limitedProblems(spec.limited)]
    : [...errors, required('spec.limited', 'must not be empty when type is Limited')];
}

/** What has to be there for every request is not changed; the exempt level may be. */
function fixedProblems({ metadata: { name = '' }, spec }: PriorityLevelConfiguration): FieldError[] {
  const fixed =
    MANDATORY.includes(name) && defaultPriorityLevels().find((one) => one.metadata.name === name)?.spec;
  if (!fixed || !spec) return [];
  if (name !== 'exempt')
    return isSame(fixed, spec)
      ? []
      : [invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`)];
  return isSame(fixed, { ...spec, exempt: fixed.exempt })
    ? []
    : [
        invalidValue(
          'spec',
          spec,
          `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`,
        ),
      ];
}

interface Shares {
  readonly nominalConcurrencyShares?: number | undefined;
  readonly lendablePercent?: number | undefined;
}

function shareProblems(shares: Shares | undefined, at: string): FieldError[] {
  const { nominalConcurrencyShares: nominal = 0, lendablePercent: lendable = 0 } = shares ?? {};
  return [
    ...(nominal < 0
      ? [invalidValue(`${at}.nominalConcurrencyShares`, nominal, 'must be a non-negative integer')]
      : []),
    ...(lendable < 0 || lendable > 100
      ? [invalidValue(`${at}.lendablePercent`, lendable, 'must be between 0 and 100, inclusive')]
      : []),
  ];
}

function limitedProblems(limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const [nominal, lendable] = [
    shareProblems({ nominalConcurrencyShares: limited.nominalConcurrencyShares }, 'spec.limited'),
    shareProblems({ lendablePercent: limited.lendablePercent }, 'spec.limited'),
  ];
  const borrowing = limited.borrowingLimitPercent ?? 0;
  return [
    ...nominal,
    ...responseProblems(limited.limitResponse, 'spec.limited.limitResponse'),
    ...lendable,
    ...(borrowing < 0
      ? [
          invalidValue(
            'spec.limited.borrowingLimitPercent',
            borrowing,
            'if specified, must be a non-negative integer',
          ),
        ]
      : []),
  ];
}

function responseProblems(response: LimitResponse | undefined, at: string): FieldError[] {
  const { type, queuing } = response ?? {};
  if (type === 'Reject')
    return queuing
      ? [forbiddenField(`${at}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')]
      : [];
  if (type !== 'Queue') return oneOf(`${at}.type`, type, ['Queue', 'Reject']);
  return queuing
    ? queuingProblems(queuing, `${at}.queuing`)
    : [required(`${at}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')];
}

function queuingProblems(
  { queues = 0, handSize = 0, queueLengthLimit = 0 }: QueuingConfiguration,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (queueLengthLimit <= 0)
    errors.push(invalidValue(`${at}.queueLengthLimit`, queueLengthLimit, 'must be positive'));
  if (queues <= 0) errors.push(invalidValue(`${at}.queues`, queues, 'must be positive'));
  else if (queues > MAX_QUEUES)
    errors.push(invalidValue(`${at}.queues`, queues, `must not be greater than ${MAX_QUEUES}`));
  const refuse = (text: string): void => void errors.push(invalidValue(`${at}.handSize`, handSize, text));
  if (handSize <= 0) refuse('must be positive');
  else if (handSize > queues) refuse(`should not be greater than queues (${queues})`);
  else if (entropyBits(queues, handSize) > MAX_HASH_BITS)
    refuse(
      `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_HASH_BITS}`,
    );
  return errors;
}

/** How many bits tell all hands apart. */
function entropyBits(deck: number, hand: number): number {
  let bits = 0;
  for (let i = 0; i < hand && bits <= MAX_HASH_BITS; i++) bits += Math.log2(deck - i);
  return Math.ceil(bits);
}
