import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { ExtraHandler } from '#server/apiserver/http/app.ts';
import { type Answer, type ApiRequest, JSON_TYPE, jsonAnswer } from '#server/apiserver/http/exchange.ts';
import { parseAccept } from '#server/apiserver/http/negotiate.ts';
import type { OpenApi, OpenApiForm, OpenApiIndex, OpenApiOffer } from '#server/apiserver/openapi/openapi.ts';

const ROOT = '/openapi/v3';

/** Media types and what they get. Protobuf has two names: the second one is valid. */
type Offered = readonly (readonly [media: string, form: OpenApiForm, contentType: string])[];

const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const OFFERED_V3: Offered = [[JSON_TYPE, 'json', JSON_TYPE]];
const OFFERED_V2: Offered = [
  ...OFFERED_V3,
  ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', 'protobuf', V2_PROTOBUF],
  [V2_PROTOBUF, 'protobuf', V2_PROTOBUF],
];

/** OpenAPI documents of groups that other servers answer for. */
export interface RemoteOpenApi {
  /** `apis/wardle.example.com/v1alpha1` to its URL, as in the index. */
  readonly openApiPaths: Readonly<Record<string, string>>;
  /** Undefined for a group and version that is served here. Rejects with a StatusError. */
  openApi(request: ApiRequest, group: string, version: string): Promise<Answer | undefined>;
}

/**
 * Answers `/openapi/v2`, `/openapi/v3` and the documents below it. The URL of a document in the index carries its
 * hash, so that clients keep it for good; with an old hash they are sent to the new one. Rule: kube-openapi's
 * `handler` and `handler3`.
 */
export function openApiHandler(openApi: OpenApi, remote?: RemoteOpenApi): ExtraHandler {
  return async (request) => {
    if (!request.path.startsWith('/openapi/') || !['GET', 'HEAD'].includes(request.method)) return undefined;
    if (request.path === '/openapi/v2') return send(request, openApi.swagger(), OFFERED_V2, {});
    if (request.path === ROOT || request.path === `${ROOT}/`)
      return jsonAnswer(200, withRemotes(openApi.index(), remote));
    if (!request.path.startsWith(`${ROOT}/`)) return undefined;
    const key = request.path.slice(ROOT.length + 1);
    const [root, group = '', version = ''] = key.split('/');
    const theirs = root === 'apis' ? await remote?.openApi(request, group, version) : undefined;
    if (theirs) return theirs;
    const document = openApi.document(key);
    if (!document) return undefined;
    const hash = request.query.get('hash');
    if (!hash) return send(request, document, OFFERED_V3, {});
    if (hash === document.etag) return send(request, document, OFFERED_V3, FOREVER);
    const location = openApi.index().paths[key]?.serverRelativeURL ?? '';
    return { ...jsonAnswer(301, {}), headers: { location } };
  };
}

function withRemotes(index: OpenApiIndex, remote: RemoteOpenApi | undefined): OpenApiIndex {
  const entries = Object.entries(remote?.openApiPaths ?? {});
  if (entries.length === 0) return index;
  const theirs = entries.map(([key, serverRelativeURL]) => [key, { serverRelativeURL }]);
  return { paths: { ...index.paths, ...Object.fromEntries(theirs) } };
}

const FOREVER = { 'cache-control': 'public, immutable, max-age=31536000' };

async function send(
  request: ApiRequest,
  document: OpenApiOffer,
  offered: Offered,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const own = { ...headers, etag: `"${document.etag}"`, vary: 'Accept, Accept-Encoding' };
  const chosen = choose(request.header('accept'), offered);
  if (!chosen) return { kind: 'bytes', code: 406, contentType: 'text/plain', headers: own, body: EMPTY };
  const [, form, contentType] = chosen;
  const answer = { kind: 'bytes', contentType } as const;
  if (has(request.header('if-none-match'), own.etag))
    return { ...answer, code: 304, headers: own, body: EMPTY };
  const gzip = await document.gzip(form);
  if (!/\bgzip\b/.test(request.header('accept-encoding') ?? ''))
    return { ...answer, code: 200, headers: own, body: await promisify(gunzip)(gzip) };
  return { ...answer, code: 200, headers: { ...own, 'content-encoding': 'gzip' }, body: gzip };
}

const EMPTY = new Uint8Array();

function choose(accept: string | undefined, offered: Offered): Offered[number] | undefined {
  for (const { media } of parseAccept(accept || '*/*')) {
    const found = offered.find(([own]) => media === own || media === '*/*' || media === 'application/*');
    if (found) return found;
  }
  return undefined;
}

/** Does one of the tags of an `If-None-Match` name this? */
const has = (header: string | undefined, etag: string): boolean =>
  (header ?? '').split(',').some((tag) => [etag, '*'].includes(tag.trim().replace(/^W\//, '')));
