/** What to write so that the default objects are there and FlowSchemas say whether their level exists. */
import type {
  FlowSchema,
  FlowSchemaCondition,
  PriorityLevelConfiguration,
} from '#proto/schema/generated/flowcontrol-v1.ts';
import { MANDATORY } from '#server/registry/flowcontrol/default-objects.ts';

const AUTOUPDATE = 'apf.kubernetes.io/autoupdate-spec';

export type Kept = FlowSchema | PriorityLevelConfiguration;

/**
 * The object as it should be stored; undefined where it is. Those without which the server can not do are always as
 * this version has them, but for the exempt level's share; a suggested one is its owner's once it was changed, unless an annotation says otherwise.
 * `isSame` compares specs. Rule: upstream's `apis/flowcontrol/ensurer`.
 */
export function planDefault<T extends Kept>(
  stored: T | undefined,
  wanted: T,
  isSame: (a: T['spec'], b: T['spec']) => boolean,
): T | undefined {
  if (!stored) return wanted;
  const isMandatory = MANDATORY.includes(wanted.metadata.name ?? '');
  const annotation = stored.metadata.annotations?.[AUTOUPDATE];
  const updates =
    isMandatory ||
    (annotation === undefined ? (stored.metadata.generation ?? 1) === 1 : annotation === 'true');
  const isAnnotated =
    annotation === (updates ? 'true' : 'false') || (annotation !== undefined && !isMandatory);
  const spec = updates ? { ...wanted.spec, ...ownShare(stored) } : stored.spec;
  if (isAnnotated && isSame(stored.spec, spec)) return undefined;
  const annotations = { ...stored.metadata.annotations, [AUTOUPDATE]: updates ? 'true' : 'false' };
  return { ...stored, metadata: { ...stored.metadata, annotations }, spec };
}

/** What an administrator may change of an object that is otherwise fixed. */
const ownShare = ({ spec }: Kept): object =>
  spec && 'exempt' in spec && spec.exempt ? { exempt: spec.exempt } : {};

/** The schema with its `Dangling` condition brought up to date; undefined where it is. `now` as in timestamps. */
export function planDangling(
  schema: FlowSchema,
  levels: readonly PriorityLevelConfiguration[],
  now: string,
): FlowSchema | undefined {
  const level = schema.spec?.priorityLevelConfiguration.name ?? '';
  const exists = levels.some(({ metadata }) => metadata.name === level);
  const about = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  const wanted: FlowSchemaCondition = {
    type: 'Dangling',
    status: exists ? 'False' : 'True',
    reason: exists ? 'Found' : 'NotFound',
    message: exists ? `${about} and it exists` : `${about} but there is no such object`,
    lastTransitionTime: now,
  };
  const conditions = schema.status?.conditions ?? [];
  const old = conditions.find(({ type }) => type === 'Dangling');
  const textOf = (one: FlowSchemaCondition): string => `${one.status} ${one.reason} ${one.message}`;
  if (old && textOf(old) === textOf(wanted)) return undefined;
  const others = conditions.filter(({ type }) => type !== 'Dangling');
  return { ...schema, status: { ...schema.status, conditions: [...others, wanted] } };
}
