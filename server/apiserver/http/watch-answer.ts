import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { internalError, StatusError } from '#proto/meta/status-error.ts';
import type { FrameSink, WatchAnswer } from '#server/apiserver/http/exchange.ts';
import type { Renderer } from '#server/apiserver/http/render.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { checkWatch, openWatch, type WatchQuery } from '#server/apiserver/rest/watch.ts';
import { partialMetadata, tableOf } from '#server/apiserver/table/table.ts';
import type { Entry } from '#server/store/store.ts';

const encoder = new TextEncoder();
const NEWLINE_AND_END = encoder.encode('}\n');
const HEADS = {
  ADDED: encoder.encode('{"type":"ADDED","object":'),
  MODIFIED: encoder.encode('{"type":"MODIFIED","object":'),
  DELETED: encoder.encode('{"type":"DELETED","object":'),
};

/** How often a quiet watch that asked for bookmarks gets one, if anything moved. */
const BOOKMARK_MS = 60_000;
/** Watches without a timeout of their own end somewhere in here, so that clients spread again over servers. */
const MIN_TIMEOUT_MS = 30 * 60_000;

export interface WatchRequest {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly query: WatchQuery;
  readonly timeoutSeconds: number | undefined;
}

/** A watch as frames of JSON, one a line. Errors that only show later (410) arrive as an ERROR event. */
export function watchAnswer(api: Api, renderer: Renderer, request: WatchRequest): WatchAnswer {
  checkWatch(api, request.resource, request.query);
  return {
    kind: 'watch',
    code: 200,
    contentType: 'application/json',
    start: (sink) => start(api, renderer, request, sink),
  };
}

function start(api: Api, renderer: Renderer, request: WatchRequest, sink: FrameSink): () => void {
  let columns = true;
  const objectBytes = (entry: Entry): Uint8Array => {
    if (renderer.form.as === 'object') return entry.bytes;
    const object = objectOf(entry);
    const shown = renderer.form.as === 'table' ? row(object) : partialMetadata(object, renderer.form.version);
    return encoder.encode(JSON.stringify(shown));
  };
  const row = (object: KubeObject): object => {
    const { form, include } = renderer;
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    const now = api.clock.now();
    const table = tableOf(
      request.resource,
      [object],
      metadata,
      { version: form.version, include, now },
      columns,
    );
    columns = false;
    return table;
  };
  const fail = (err: unknown): void => {
    const status = err instanceof StatusError ? err : internalError(err);
    sink.write(encoder.encode(`${JSON.stringify({ type: 'ERROR', object: status.toStatus() })}\n`));
    sink.end();
  };

  let watch: ReturnType<typeof openWatch>;
  try {
    watch = openWatch(api, request.resource, request.namespace, request.query, {
      event: (type, entry) => sink.write(Buffer.concat([HEADS[type], objectBytes(entry), NEWLINE_AND_END])),
      bookmark: (revision, initialEnd) =>
        sink.write(
          encoder.encode(`${JSON.stringify(bookmark(renderer, request.resource, revision, initialEnd))}\n`),
        ),
      end: (error) => (error === undefined ? sink.end() : fail(error)),
    });
  } catch (err) {
    fail(err);
    return () => {};
  }
  const timeout = request.timeoutSeconds
    ? request.timeoutSeconds * 1000
    : MIN_TIMEOUT_MS * (1 + api.random());
  const end = setTimeout(() => sink.end(), Math.min(timeout, 2 ** 31 - 1));
  const ticks = request.query.allowWatchBookmarks
    ? setInterval(() => watch.progress(), BOOKMARK_MS)
    : undefined;
  return () => {
    clearTimeout(end);
    clearInterval(ticks);
    watch.stop();
  };
}

/** An object of the watched kind with nothing but a revision. */
function bookmark(renderer: Renderer, resource: Resource, revision: number, initialEnd: boolean): object {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  const { form } = renderer;
  const object = { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata };
  if (form.as === 'object') return { type: 'BOOKMARK', object };
  const meta = `meta.k8s.io/${form.version}`;
  if (form.as !== 'table') {
    return { type: 'BOOKMARK', object: { kind: 'PartialObjectMetadata', apiVersion: meta, metadata } };
  }
  const row = { cells: [], object: { kind: 'PartialObjectMetadata', apiVersion: meta, metadata } };
  return {
    type: 'BOOKMARK',
    object: {
      kind: 'Table',
      apiVersion: meta,
      metadata: { resourceVersion: String(revision) },
      columnDefinitions: null,
      rows: [row],
    },
  };
}
