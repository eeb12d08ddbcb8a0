import type { ControllerRevision } from '#proto/schema/generated/apps-v1.ts';
import type { PodTemplateSpec } from '#proto/schema/generated/core-v1.ts';
import { canonicalJson, equalJson } from '#server/controllers/json.ts';
import { byCreation } from '#server/controllers/timestamps.ts';

/** The label by which Pods of StatefulSets and DaemonSets say which revision they were made from. */
export const REVISION_HASH = 'controller-revision-hash';

/**
 * What a ControllerRevision holds: a strategic merge patch that puts the template back. Members are in order,
 * so that kubectl, which compares the text, sees that an undo would change nothing.
 */
export const revisionData = (template: PodTemplateSpec): unknown =>
  JSON.parse(canonicalJson({ spec: { template: { ...template, $patch: 'replace' } } }));

interface RevisionData {
  readonly spec?: { readonly template?: PodTemplateSpec & { $patch?: string } };
}

/** The template that a revision recorded. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { $patch: _patch, ...template } = (revision.data as RevisionData | undefined)?.spec?.template ?? {};
  return template;
}

/** By number; age and name decide between equals, which only adoption can bring. */
export const sortRevisions = (revisions: readonly ControllerRevision[]): ControllerRevision[] =>
  [...revisions].sort((a, b) => Number(a.revision) - Number(b.revision) || byCreation(a, b));

export type HistoryPlan =
  | { readonly type: 'keep'; readonly revision: ControllerRevision }
  /** A template of the past is wanted again: its revision becomes the newest. */
  | { readonly type: 'renumber'; readonly revision: ControllerRevision; readonly number: number }
  | { readonly type: 'create'; readonly number: number };

/** Which revision stands for `template` now. */
export function planHistory(
  revisions: readonly ControllerRevision[],
  template: PodTemplateSpec,
): HistoryPlan {
  const sorted = sortRevisions(revisions);
  const newest = sorted.at(-1);
  const number = Number(newest?.revision ?? 0) + 1;
  const data = revisionData(template);
  const equal = sorted.findLast((revision) => equalJson(revision.data, data));
  if (!equal) return { type: 'create', number };
  return equal === newest ? { type: 'keep', revision: equal } : { type: 'renumber', revision: equal, number };
}

/** Of those that nothing uses any more, the oldest beyond the limit. */
export function planTruncation(
  revisions: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
  limit: number,
): ControllerRevision[] {
  const unused = sortRevisions(revisions).filter((revision) => !isLive(revision));
  return unused.slice(0, Math.max(0, unused.length - limit));
}
