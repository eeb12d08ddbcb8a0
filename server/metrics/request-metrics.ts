import type { Family } from '#proto/metrics/exposition.ts';
import { Histogram, Numbers } from '#proto/metrics/metrics.ts';
import type { ApiRequest } from '#server/apiserver/http/exchange.ts';
import { isLongRunning, type RequestInfo } from '#server/apiserver/http/request-info.ts';

/** What a request is known by in all families. Rule: upstream's `endpoints/metrics`. */
const LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'];
/** Upper bounds in seconds; fewer than upstream has, for each costs memory for every verb of every kind. */
const SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Requests over HTTPS, counted and timed under upstream's names. */
export class RequestMetrics {
  readonly #total = new Numbers(
    'apiserver_request_total',
    'counter',
    'Requests that were answered, by what they were about and the code of the answer.',
    [...LABELS, 'code', 'dry_run'],
  );
  readonly #seconds = new Histogram(
    'apiserver_request_duration_seconds',
    'How long answers took; watches and streams are not timed.',
    SECONDS,
    LABELS,
  );
  readonly #inFlight = new Numbers(
    'apiserver_current_inflight_requests',
    'gauge',
    'Requests that are being answered, watches and streams aside.',
    ['request_kind'],
  );
  readonly #longRunning = new Numbers(
    'apiserver_longrunning_requests',
    'gauge',
    'Watches and streams that are open.',
    LABELS,
  );

  /** Call what it gives with the code of the answer, once the answer is out. */
  begin({ query }: Pick<ApiRequest, 'query'>, info: RequestInfo): (code: number) => void {
    const labels = labelsOf(info);
    const dryRun = query.get('dryRun') ?? '';
    const since = performance.now();
    const long = isLongRunning(info);
    const kind = READ_ONLY.has(info.verb) ? 'readOnly' : 'mutating';
    if (long) this.#longRunning.add(1, ...labels);
    else this.#inFlight.add(1, kind);
    return (code) => {
      // What does not exist has no series: anybody could make as many as he likes.
      const known = code === 404 && info.resource ? [info.verb.toUpperCase(), '', '', '', '', ''] : labels;
      this.#total.add(1, ...known, String(code), dryRun === 'All' ? 'All' : '');
      if (long) return this.#longRunning.add(-1, ...labels);
      this.#inFlight.add(-1, kind);
      this.#seconds.observe((performance.now() - since) / 1000, ...known);
    };
  }

  families(): readonly Family[] {
    return [this.#total, this.#seconds, this.#inFlight, this.#longRunning];
  }
}

const READ_ONLY = new Set(['get', 'list', 'watch', 'head', 'options']);
const LOG_VERBS: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
};

function labelsOf({ verb, resource }: RequestInfo): readonly string[] {
  const shown = LOG_VERBS[verb] ?? verb.toUpperCase();
  if (!resource) return [shown, '', '', '', '', ''];
  const { group, version, plural, subresource, namespace, name } = resource;
  const scope = name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
  return [shown, group, version, plural, subresource, scope];
}
