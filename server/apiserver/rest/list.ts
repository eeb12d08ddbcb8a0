import type { Resource } from '#proto/api/resource.ts';
import { badRequest, expired, StatusError } from '#proto/meta/status-error.ts';
import type { Status } from '#proto/schema/generated/meta-v1.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf } from '#server/apiserver/rest/conversion.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { prefixOf, storageKey } from '#server/apiserver/rest/keys.ts';
import { type Maybe, run } from '#server/apiserver/rest/maybe.ts';
import { checkListOptions, parseRevision, requireRevision } from '#server/apiserver/rest/revision.ts';
import { type Selection, selectionOf } from '#server/apiserver/rest/selection.ts';
import { fromStore } from '#server/apiserver/rest/write.ts';
import { Compacted, type Entry } from '#server/store/store.ts';

/** The query of a list, as clients write it. */
export interface ListQuery {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
  /** Of watches alone. */
  readonly sendInitialEvents?: boolean | undefined;
}

export interface ListPage {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly continue: string | undefined;
  readonly remainingItemCount: number | undefined;
}

/** How many keys are looked at in one go while a selector is applied to a limited list. */
const SCAN = 500;

/**
 * One page of a list. All pages of one list are true for the revision of the first; a token whose revision
 * was compacted gets 410 with a token that goes on at the present.
 */
export function listEntries(
  api: Api,
  resource: Resource,
  namespace: string | undefined,
  query: ListQuery,
): Maybe<ListPage> {
  return run(listSteps(api, resource, namespace, query));
}

function* listSteps(
  api: Api,
  resource: Resource,
  namespace: string | undefined,
  query: ListQuery,
): Steps<ListPage> {
  const selection = selectionOf(resource, query.labelSelector, query.fieldSelector);
  checkListOptions(query, false);
  const token = query.continue ? decodeToken(query.continue) : undefined;
  if (token && query.resourceVersion && query.resourceVersion !== '0')
    throw badRequest('specifying resource version is not allowed when using continue');
  // What need not be new is answered from memory, all at once.
  const limit = query.resourceVersion === '0' && !token ? 0 : (query.limit ?? 0);
  const prefix = prefixOf(storedOf(resource), namespace);
  const after = token && prefix + token.after;
  const revision = token ? Math.max(token.revision, 0) : revisionOf(api, query);
  try {
    if (selection.name !== undefined && (namespace !== undefined || !resource.namespaced)) {
      return yield* onlyOne(
        api,
        resource,
        storageKey(storedOf(resource), namespace, selection.name),
        selection,
        revision,
      );
    }
    const page = yield* readPage(api, resource, { prefix, after, revision, limit }, selection);
    const last = page.entries.at(-1);
    const more = page.cut && last;
    return {
      entries: page.entries,
      revision: page.revision,
      continue: more
        ? encodeToken({
            revision: token?.revision === -1 ? -1 : page.revision,
            after: last.key.slice(prefix.length),
          })
        : undefined,
      remainingItemCount: more && selection.everything ? page.remaining : undefined,
    };
  } catch (err) {
    if (!(err instanceof Compacted)) throw err;
    if (token) throw new ContinueExpired(encodeToken({ revision: -1, after: token.after }));
    throw expired(`The resourceVersion for the provided list is too old.`);
  }
}

interface Range {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly revision: number;
  /** 0: no limit. */
  readonly limit: number;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly cut: boolean;
  readonly remaining: number;
}

/** Steps that wait for nothing where no webhook has to be asked. */
type Steps<T> = Generator<Maybe<unknown>, T, never>;

function* readPage(api: Api, resource: Resource, range: Range, selection: Selection): Steps<Page> {
  const { prefix, limit } = range;
  let { after, revision } = range;
  const found: Entry[] = [];
  for (;;) {
    const step = selection.everything ? limit : limit && SCAN;
    const result = api.store.range({
      prefix,
      ...(revision ? { revision } : {}),
      ...(after === undefined ? {} : { after }),
      ...(step ? { limit: step } : {}),
    });
    revision = result.revision;
    const custom = api.custom.of(resource);
    const read: readonly Entry[] = custom ? yield custom.presentAll(result.entries) : result.entries;
    for (const [i, raw] of read.entries()) {
      const entry = presentEntry(resource, raw);
      if (!selection.everything && !selection.matches(objectOf(entry))) continue;
      found.push(entry);
      const remaining = result.remaining + result.entries.length - 1 - i;
      if (limit && found.length === limit) return { entries: found, revision, cut: remaining > 0, remaining };
    }
    after = result.entries.at(-1)?.key;
    if (result.remaining === 0 || after === undefined)
      return { entries: found, revision, cut: false, remaining: 0 };
  }
}

function* onlyOne(
  api: Api,
  resource: Resource,
  key: string,
  selection: Selection,
  revision: number,
): Steps<ListPage> {
  const now = api.store.revision;
  let raw = api.store.get(key);
  if (revision && revision < now) {
    raw = api.store.range({ prefix: key, revision, limit: 1 }).entries.find((entry) => entry.key === key);
  }
  const read: Entry | undefined = raw && (yield fromStore(api, resource, raw));
  const entry = read && presentEntry(resource, read);
  return {
    entries: entry && selection.matches(objectOf(entry)) ? [entry] : [],
    revision: revision || now,
    continue: undefined,
    remainingItemCount: undefined,
  };
}

/** The exact revision to read at; 0 means the present. */
function revisionOf(api: Api, query: ListQuery): number {
  const wanted = parseRevision(query.resourceVersion);
  if (!wanted) return 0;
  requireRevision(api, wanted);
  const exact =
    query.resourceVersionMatch === 'Exact' || (!query.resourceVersionMatch && Boolean(query.limit));
  return exact ? wanted : 0;
}

interface Token {
  /** -1: whatever is there now; the list is inconsistent and the client knows. */
  readonly revision: number;
  /** The key behind the prefix that was read last. */
  readonly after: string;
}

const encodeToken = ({ revision, after }: Token): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString('base64url');

/** Rule: apiserver `storage.DecodeContinue`. */
function decodeToken(text: string): Token {
  const refuse = (why: string, cause?: unknown): never => {
    throw badRequest(`invalid continue token: continue key is not valid${why}`, cause);
  };
  let token: { v?: unknown; rv?: unknown; start?: unknown } | null = null;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (err) {
    refuse(`: ${(err as Error).message}`, err);
  }
  if (typeof token !== 'object' || token === null) return refuse('');
  if (token.v !== 'meta.k8s.io/v1')
    return refuse(`: server does not recognize this encoded version ${String(token.v ?? '')}`);
  if (!Number.isSafeInteger(token.rv) || token.rv === 0)
    return refuse(': incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (typeof token.start !== 'string' || token.start === '')
    return refuse(': encoded start key empty (version meta.k8s.io/v1)');
  return { revision: token.rv as number, after: token.start };
}

class ContinueExpired extends StatusError {
  readonly #next: string;

  constructor(next: string) {
    super(
      'Expired',
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    );
    this.#next = next;
  }

  override toStatus(): Status {
    return { ...super.toStatus(), metadata: { continue: this.#next } };
  }
}
