import { forbiddenField, invalidValue, notSupported } from '#proto/meta/field-error.ts';
import { badRequest, invalid, StatusError } from '#proto/meta/status-error.ts';
import type { StatusCause } from '#proto/schema/generated/meta-v1.ts';
import type { Api } from '#server/apiserver/rest/api.ts';

/** `resourceVersion` of a query as a number; 0 for absent and for `0`. 400 for anything else. */
export function parseRevision(text: string | undefined): number {
  if (!text) return 0;
  if (!/^[0-9]{1,15}$/.test(text)) {
    throw badRequest(
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
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
  const { resourceVersion, resourceVersionMatch: match, sendInitialEvents } = options;
  const problems: StatusCause[] = [];
  if (isWatch && sendInitialEvents !== undefined) {
    if (match !== 'NotOlderThan') {
      problems.push(
        match
          ? notSupported('resourceVersionMatch', match, ['NotOlderThan'])
          : forbiddenField(
              'resourceVersionMatch',
              'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
            ),
      );
    }
  } else if (!isWatch && sendInitialEvents !== undefined) {
    problems.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  } else if (match) {
    const field = 'resourceVersionMatch';
    if (isWatch)
      problems.push(
        forbiddenField(
          field,
          'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
        ),
      );
    else if (!resourceVersion)
      problems.push(
        forbiddenField(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      );
    if (options.continue)
      problems.push(forbiddenField(field, 'resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan')
      problems.push(notSupported(field, match, ['Exact', 'NotOlderThan']));
    if (match === 'Exact' && resourceVersion === '0') {
      problems.push(
        forbiddenField(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
      );
    }
  }
  if (options.continue && resourceVersion && resourceVersion !== '0') {
    problems.push(
      invalidValue(
        'resourceVersion',
        resourceVersion,
        'specifying resource version is not allowed when using continue',
      ),
    );
  }
  if (problems.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', problems);
}
