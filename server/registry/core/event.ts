import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { Event } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { problemsAt } from '#server/registry/validation/field-checks.ts';

const NEWER_GROUP = 'events.k8s.io';
const TYPES = ['Normal', 'Warning'];
const MAX_WORD = 128;
const MAX_MESSAGE = 1024;

/** Events, kept as the older group has them, whichever group they came by. Rule: upstream's `pkg/apis/core/validation/events.go`. */
export const event: Strategy<Event> = {
  generation: false,
  validate: (object, { group, old }) => {
    const isNewer = group === NEWER_GROUP;
    const reporter = isNewer ? 'reportingController' : 'reportingComponent';
    const errors = object.eventTime ? validateWords(object, reporter) : validatePlace(object);
    return isNewer && !old ? [...errors, ...validateNew(object)] : errors;
  },
};

/** Events lie where what they are about lies; those about cluster-scoped things in `default`. */
function validatePlace({ metadata: { namespace }, involvedObject }: Event): FieldError[] {
  const about = involvedObject?.namespace;
  const isPlaced = about ? about === namespace : namespace === 'default' || namespace === 'kube-system';
  if (isPlaced) return [];
  return [invalidValue('involvedObject.namespace', about ?? '', 'does not match event.namespace')];
}

/** What Events with an `eventTime` must say. */
function validateWords(event: Event, reporterField: string): FieldError[] {
  const { reportingComponent = '', reportingInstance, action, reason, message = '' } = event;
  return [
    ...(reportingComponent ? [] : [required(reporterField)]),
    ...problemsAt(reporterField, reportingComponent, labelKeyProblems(reportingComponent)),
    ...validateWord('reportingInstance', reportingInstance),
    ...validateWord('action', action),
    ...validateWord('reason', reason),
    ...(message.length > MAX_MESSAGE ? [tooManyCharacters('message', MAX_MESSAGE)] : []),
  ];
}

function validateWord(field: string, word: string | undefined): FieldError[] {
  if (!word) return [required(field)];
  return word.length > MAX_WORD ? [tooManyCharacters(field, MAX_WORD)] : [];
}

const tooManyCharacters = (field: string, most: number): FieldError =>
  invalidValue(field, '', `can have at most ${most} characters`);

/** What the newer group asks of what is created by it: its own fields, and none of the older. */
function validateNew(event: Event): FieldError[] {
  const { series, eventTime, type = '', source } = event;
  const errors: FieldError[] = [];
  if (series && (series.count ?? 0) < 2) {
    errors.push(invalidValue('series.count', '', 'should be at least 2'));
  }
  if (series && !series.lastObservedTime) errors.push(required('series.lastObservedTime'));
  if (!eventTime) errors.push(required('eventTime'));
  if (!TYPES.includes(type)) errors.push(invalidValue('type', '', `has invalid value: ${type}`));
  const older: [string, boolean][] = [
    ['firstTimestamp', Boolean(event.firstTimestamp)],
    ['lastTimestamp', Boolean(event.lastTimestamp)],
    ['count', (event.count ?? 0) !== 0],
    ['source', Boolean(source?.component || source?.host)],
  ];
  for (const [field, isSet] of older) {
    if (isSet) errors.push(invalidValue(field, '', 'needs to be unset'));
  }
  return errors;
}
