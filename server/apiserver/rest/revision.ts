import {
  type FieldError,
  forbiddenField,
  notSupported,
  notSupportedInOrder,
} from '#proto/meta/field-error.ts';
import { badRequest, invalid, StatusError } from '#proto/meta/status-error.ts';
import type { Api } from '#server/apiserver/rest/api.ts';

/** `resourceVersion` of a query as a number; 0 for absent and for `0`. 400 for anything else. */
export function parseRevision(text: string | undefined): number {
  if (!text) return 0;
  if (!/^[0-9]{1,15}$/.test(text)) {
    const quoted = JSON.stringify(text);
    const why = /^[0-9]+$/.test(text) ? 'value out of range' : 'invalid syntax';
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: ${why}`,
    );
  }
  return Number(text);
}

/** 504 for a revision of the future: the client has seen another server, or an older backup was restored. */
export function requireRevision(api: Api, wanted: number): void {
  const current = api.store.revision;
  if (wanted <= current) return;
  const message = `Too large resource version: ${wanted}, current: ${current}`;
  throw new StatusError('Timeout', `Timeout: ${message}`, {
    details: {
      retryAfterSeconds: 1,
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    },
  });
}

interface Options {
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
  readonly sendInitialEvents?: boolean | undefined;
  readonly allowWatchBookmarks?: boolean | undefined;
}

/** The combinations that the API forbids. Rule: apimachinery `internalversion/validation.ValidateListOptions`. */
export function checkListOptions(options: Options, isWatch: boolean): void {
  const problems = isWatch ? watchProblems(options) : listProblems(options);
  if (problems.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', problems);
}

const MATCH = 'resourceVersionMatch';
const WITH_CONTINUE = forbiddenField(MATCH, 'resourceVersionMatch is forbidden when continue is provided');

function listProblems(options: Options): FieldError[] {
  const { resourceVersion, resourceVersionMatch: match, sendInitialEvents } = options;
  const problems: FieldError[] = [];
  if (match) {
    if (!resourceVersion)
      problems.push(
        forbiddenField(MATCH, 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      );
    if (options.continue) problems.push(WITH_CONTINUE);
    if (match !== 'Exact' && match !== 'NotOlderThan')
      problems.push(notSupportedInOrder(MATCH, match, ['Exact', 'NotOlderThan', '']));
    if (match === 'Exact' && resourceVersion === '0')
      problems.push(
        forbiddenField(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
      );
  }
  if (sendInitialEvents !== undefined)
    problems.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return problems;
}

function watchProblems(options: Options): FieldError[] {
  const { resourceVersionMatch: match, sendInitialEvents } = options;
  const problems: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    problems.push(
      forbiddenField(MATCH, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    );
  if (match) {
    if (sendInitialEvents === undefined)
      problems.push(
        forbiddenField(
          MATCH,
          'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
        ),
      );
    if (match !== 'NotOlderThan') problems.push(notSupported(MATCH, match, ['NotOlderThan']));
    if (options.continue) problems.push(WITH_CONTINUE);
  }
  return problems;
}
