import { StatusError } from '#proto/meta/status-error.ts';

/** In which form a client wants an answer. */
export interface Form {
  readonly media: 'application/json' | 'application/yaml';
  readonly as: 'object' | 'table' | 'metadata' | 'metadata-list';
  /** Version of `meta.k8s.io` for tables and metadata. */
  readonly version: 'v1' | 'v1beta1';
}

interface Clause {
  readonly media: string;
  readonly params: ReadonlyMap<string, string>;
  readonly q: number;
}

const PLAIN: Form = { media: 'application/json', as: 'object', version: 'v1' };

/** The media ranges of an Accept header, best first. */
export function parseAccept(accept: string | undefined): readonly Clause[] {
  const clauses = (accept ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const [media = '', ...rest] = text.split(';').map((part) => part.trim());
      const params = new Map(
        rest.map((part): [string, string] => {
          const at = part.indexOf('=');
          return at < 0 ? [part.toLowerCase(), ''] : [part.slice(0, at).toLowerCase(), part.slice(at + 1)];
        }),
      );
      const q = Number(params.get('q') ?? '1');
      return { media: media.toLowerCase(), params, q: Number.isFinite(q) ? q : 0 };
    });
  return clauses.sort((a, b) => b.q - a.q);
}

/**
 * The first clause that names both a serializer and a transform that are there; 406 for none. Protobuf is never
 * written: clients that prefer it name JSON next. `streams`: the path can be watched.
 */
export function negotiate(accept: string | undefined, transforms: boolean, streams = false): Form {
  const clauses = parseAccept(accept);
  if (clauses.length === 0) return PLAIN;
  if (!clauses.some(({ media }) => mediaOf(media))) throw notAvailable(streams);
  for (const { media, params } of clauses) {
    const own = mediaOf(media);
    if (!own) continue;
    const as = params.get('as');
    if (as === undefined) return { ...PLAIN, media: own };
    const version = params.get('v');
    if (!transforms || params.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1'))
      continue;
    if (as === 'Table') return { media: own, as: 'table', version };
    if (as === 'PartialObjectMetadata') return { media: own, as: 'metadata', version };
    if (as === 'PartialObjectMetadataList') return { media: own, as: 'metadata-list', version };
  }
  throw notAcceptable();
}

export const notAcceptable = (): StatusError =>
  new StatusError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
  );

/** What routes say before a handler is asked. Rule: go-restful's `RouteNotAcceptable`. */
const notAvailable = (streams: boolean): StatusError =>
  new StatusError(
    'NotAcceptable',
    `406: Not Acceptable\n\nAvailable representations: application/json, application/yaml${streams ? ', application/json;stream=watch' : ''}`,
    { details: {} },
  );

function mediaOf(media: string): Form['media'] | undefined {
  if (media === '*/*' || media === 'application/*' || media === 'application/json') return 'application/json';
  return media === 'application/yaml' ? 'application/yaml' : undefined;
}
