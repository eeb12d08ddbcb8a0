import type { KubeObject } from '#proto/meta/object.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { DeleteOptions } from '#proto/schema/generated/meta-v1.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { ApiRequest } from '#server/apiserver/http/exchange.ts';
import { deleteOptions, fieldValidation } from '#server/apiserver/http/query.ts';
import type { Renderer } from '#server/apiserver/http/render.ts';
import { isTrue, type Target } from '#server/apiserver/http/target.ts';
import { checkDeleteOptions } from '#server/apiserver/http/write-options.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import type { PatchKind } from '#server/apiserver/rest/codec.ts';
import type { PatchRequest } from '#server/apiserver/rest/patch.ts';

const PATCH_KINDS: Readonly<Record<string, PatchKind>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** Everything that is under way for one request to a resource. */
export interface Exchange {
  readonly api: Api;
  readonly request: ApiRequest;
  readonly target: Target;
  readonly call: Call;
  readonly renderer: Renderer;
}

/** The body as an object of `kind`, a private copy. */
export async function readObject(
  { api, request, call }: Exchange,
  kind: GroupVersionKind,
): Promise<KubeObject> {
  const object = api.codec.decode({
    bytes: await request.body(),
    contentType: request.header('content-type') ?? '',
    fallback: kind,
    validation: fieldValidation(request.query),
    warn: call.warn,
  });
  request.trail?.requested(object);
  return object;
}

/** The patch of a PATCH request, by its content type; 415 for a type that is none. */
export async function readPatch({ api, request, call }: Exchange): Promise<PatchRequest> {
  const media = (request.header('content-type') ?? '').split(';')[0]?.trim() ?? '';
  const type = PATCH_KINDS[media];
  if (!type) {
    throw new StatusError('UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });
  }
  // Merge keys are said in Go's types alone.
  if (type === 'strategic' && api.custom.of(call.resource)) {
    const accepted = Object.keys(PATCH_KINDS)
      .filter((one) => PATCH_KINDS[one] !== 'strategic')
      .join(', ');
    throw new StatusError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
    );
  }
  const validation = fieldValidation(request.query);
  const patch = api.codec.decodePatch(await request.body(), type, validation, call.warn);
  request.trail?.requested(patch as object);
  return {
    type,
    patch,
    validation,
    force: isTrue(request.query.get('force')),
  };
}

/** The options of a DELETE: of its body, then of its query. */
export async function readDeleteOptions({ api, request, call }: Exchange): Promise<DeleteOptions> {
  const fromQuery = deleteOptions(request.query);
  const bytes = await request.body();
  const body =
    bytes.length > 0 &&
    api.codec.decode({
      bytes,
      contentType: request.header('content-type') ?? '',
      fallback: { group: '', version: 'v1', kind: 'DeleteOptions' },
      validation: 'Ignore',
      warn: call.warn,
    });
  const options: DeleteOptions = { ...fromQuery, ...(body || {}) };
  checkDeleteOptions(options);
  if (body) request.trail?.requested(body);
  return options;
}
