import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { ExtraHandler } from '#server/apiserver/http/app.ts';
import { type Answer, type ApiRequest, JSON_TYPE, jsonAnswer } from '#server/apiserver/http/exchange.ts';
import type { OpenApi, OpenApiDocument } from '#server/apiserver/openapi/openapi.ts';

const ROOT = '/openapi/v3';

/**
 * Answers `/openapi/v3`, the documents below it and `/openapi/v2`, in JSON whatever was asked for: kubectl
 * tolerates that. A document's URL carries its hash, so that clients keep it for good; with an old hash they
 * are sent to the new one.
 */
export function openApiHandler(openApi: OpenApi): ExtraHandler {
  return async (request) => {
    if (!request.path.startsWith('/openapi/') || !['GET', 'HEAD'].includes(request.method)) return undefined;
    if (request.path === '/openapi/v2') return send(request, await openApi.legacy(), {});
    if (request.path === ROOT || request.path === `${ROOT}/`) return jsonAnswer(200, openApi.index());
    if (!request.path.startsWith(`${ROOT}/`)) return undefined;
    const key = request.path.slice(ROOT.length + 1);
    const url = openApi.index().paths[key]?.serverRelativeURL;
    if (url === undefined) return undefined;
    const hash = request.query.get('hash');
    if (hash !== null && !url.endsWith(`?hash=${hash}`))
      return { ...jsonAnswer(301, {}), headers: { location: url } };
    const document = await openApi.document(key);
    return document && send(request, document, hash === null ? {} : FOREVER);
  };
}

const FOREVER = { 'cache-control': 'public, immutable, max-age=31536000' };

async function send(
  request: ApiRequest,
  { etag, gzip }: OpenApiDocument,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const own = { ...headers, etag: `"${etag}"`, vary: 'Accept, Accept-Encoding' };
  const answer = { kind: 'bytes', contentType: JSON_TYPE } as const;
  if (request.header('if-none-match') === own.etag)
    return { ...answer, code: 304, headers: own, body: new Uint8Array() };
  if (!/\bgzip\b/.test(request.header('accept-encoding') ?? ''))
    return { ...answer, code: 200, headers: own, body: await promisify(gunzip)(gzip) };
  return { ...answer, code: 200, headers: { ...own, 'content-encoding': 'gzip' }, body: gzip };
}
