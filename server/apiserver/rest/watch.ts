import type { Resource } from '#proto/api/resource.ts';
import { expired } from '#proto/meta/status-error.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { presentEntry, storedOf } from '#server/apiserver/rest/conversion.ts';
import { literalEntry, objectOf } from '#server/apiserver/rest/entries.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import { type ListQuery, listEntries } from '#server/apiserver/rest/list.ts';
import { andThen, type Maybe } from '#server/apiserver/rest/maybe.ts';
import { checkListOptions, parseRevision, requireRevision } from '#server/apiserver/rest/revision.ts';
import { selectionOf } from '#server/apiserver/rest/selection.ts';
import { Compacted, type Entry, type StoreEvent } from '#server/store/store.ts';

export interface WatchQuery extends ListQuery {
  readonly allowWatchBookmarks?: boolean | undefined;
  readonly sendInitialEvents?: boolean | undefined;
}

/** Where a watch delivers. Called in revision order and never again after the returned function has run. */
export interface WatchSink {
  event(type: 'ADDED' | 'MODIFIED' | 'DELETED', entry: Entry): void;
  /** Everything at and below `revision` has been delivered. `initialEnd`: what existed has been, too (KEP-3157). */
  bookmark(revision: number, initialEnd: boolean): void;
  /** It is over: the kind has changed or gone, or, with an error, can no longer be read. */
  end(error?: unknown): void;
}

export interface OpenWatch {
  stop(): void;
  /** Sends a bookmark where the client asked for them and something moved since the last. */
  progress(): void;
}

/** Refuses a watch that can't begin, before its answer has begun. */
export function checkWatch(api: Api, resource: Resource, query: WatchQuery): void {
  checkListOptions(query, true);
  selectionOf(resource, query.labelSelector, query.fieldSelector);
  requireRevision(api, parseRevision(query.resourceVersion));
}

/**
 * Starts a watch: what exists first where the query asks for it, then every change after that, without a gap. An
 * object that begins or ceases to match the selectors comes as ADDED or DELETED.
 */
export function openWatch(
  api: Api,
  resource: Resource,
  namespace: string | undefined,
  query: WatchQuery,
  sink: WatchSink,
): OpenWatch {
  checkWatch(api, resource, query);
  const selection = selectionOf(resource, query.labelSelector, query.fieldSelector);
  const wanted = parseRevision(query.resourceVersion);
  let stopped = false;
  const order = new InOrder((error) => {
    if (!stopped) sink.end(error);
  });
  let delivered = wanted;
  // Absent and "0" mean: begin with what is there. So does sendInitialEvents, whatever the revision.
  if (query.sendInitialEvents || (wanted === 0 && query.sendInitialEvents === undefined)) {
    delivered = api.store.revision;
    const { labelSelector, fieldSelector } = query;
    order.next(
      listEntries(api, resource, namespace, { labelSelector, fieldSelector }),
      ({ entries, revision }) => {
        if (stopped) return;
        for (const entry of entries) sink.event('ADDED', entry);
        if (query.sendInitialEvents && query.allowWatchBookmarks) sink.bookmark(revision, true);
      },
    );
  } else if (wanted === 0) {
    delivered = api.store.revision;
  }
  const prefix = prefixOf(storedOf(resource), namespace);
  const key =
    selection.name !== undefined && (namespace || !resource.namespaced) ? prefix + selection.name : undefined;
  let bookmarked = delivered;

  const matches = (entry: Entry | undefined): boolean =>
    entry !== undefined &&
    (selection.everything || selection.matches(objectOf(presentEntry(resource, entry))));

  const read = (event: StoreEvent): Maybe<StoreEvent> => {
    const custom = api.custom.of(resource);
    if (!custom) return event;
    const both = event.previous ? [event.entry, event.previous] : [event.entry];
    return andThen(
      custom.presentAll(both),
      ([entry, previous]) => ({ type: event.type, entry, previous }) as StoreEvent,
    );
  };

  const receive = (event: StoreEvent): void => {
    if (stopped || (key !== undefined && event.entry.key !== key)) return;
    order.next(read(event), deliver);
  };

  const deliver = (event: StoreEvent): void => {
    if (stopped) return;
    delivered = event.entry.revision;
    const before = matches(event.previous);
    const after = event.type === 'put' && matches(event.entry);
    if (!before && !after) return;
    const type = before ? (after ? 'MODIFIED' : 'DELETED') : 'ADDED';
    bookmarked = delivered;
    const shown = type === 'DELETED' && event.type === 'put' ? lastMatching(event) : event.entry;
    sink.event(type, presentEntry(resource, shown));
  };

  let end: () => void;
  try {
    end = api.store.watch(
      { prefix: key ?? prefix, after: delivered },
      {
        onEvent: receive,
        onProgress: (revision) => {
          // What is still being read comes first.
          if (order.idle) delivered = Math.max(delivered, revision);
        },
      },
    );
  } catch (err) {
    if (!(err instanceof Compacted)) throw err;
    throw expired(`too old resource version: ${delivered} (${err.oldest})`);
  }
  const forget = api.custom.of(resource)?.definition.onRetired(() => {
    if (!stopped) sink.end();
  });
  return {
    stop: () => {
      stopped = true;
      forget?.();
      end();
    },
    progress: () => {
      if (stopped || !query.allowWatchBookmarks || delivered <= bookmarked) return;
      bookmarked = delivered;
      sink.bookmark(delivered, false);
    },
  };
}

/** Deliveries one after the other: at once, unless one before still waits for its object to be converted. */
class InOrder {
  readonly #fail: (error: unknown) => void;
  #waiting: Promise<void> | undefined;

  constructor(fail: (error: unknown) => void) {
    this.#fail = fail;
  }

  get idle(): boolean {
    return this.#waiting === undefined;
  }

  next<T>(value: Maybe<T>, deliver: (value: T) => void): void {
    if (!this.#waiting && !(value instanceof Promise)) {
      deliver(value);
      return;
    }
    // Whatever becomes of it is told in its turn.
    if (value instanceof Promise) value.catch(() => {});
    const turn = (this.#waiting ?? Promise.resolve())
      .then(async () => deliver(await value))
      .catch(this.#fail)
      .finally(() => {
        if (this.#waiting === turn) this.#waiting = undefined;
      });
    this.#waiting = turn;
  }
}

/** What left a selection, as it last was in it; a client that comes back goes on from the change that took it out. */
function lastMatching({ entry, previous }: StoreEvent): Entry {
  if (!previous) return entry;
  const { metadata, ...rest } = objectOf(previous);
  const resourceVersion = String(entry.revision);
  return literalEntry({ ...rest, metadata: { ...metadata, resourceVersion } }, entry.key, entry.revision);
}
