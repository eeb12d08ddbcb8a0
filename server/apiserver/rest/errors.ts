import { apiVersionOf, groupResourceOf } from '#proto/api/resource.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  methodNotAllowed,
  notFound,
  STALE,
  type StatusError,
} from '#proto/meta/status-error.ts';
import type { Call } from '#server/apiserver/rest/api.ts';

/** The errors of one call, worded as upstream words them. */
export const missing = (call: Call): StatusError => notFound(groupResourceOf(call.resource), call.name);

export const exists = (call: Call, name: string): StatusError =>
  alreadyExists(groupResourceOf(call.resource), name);

export const stale = (call: Call, message = STALE): StatusError =>
  conflict(groupResourceOf(call.resource), call.name, message);

export const notAllowed = (call: Call, verb: string): StatusError =>
  methodNotAllowed(groupResourceOf(call.resource), verb);

export const wrongKind = (
  call: Call,
  got: { apiVersion?: string | undefined; kind?: string | undefined },
): StatusError => {
  const version = apiVersionOf(call.resource);
  return got.kind !== call.resource.kind
    ? badRequest(
        `${got.kind ?? ''} in version ${JSON.stringify(got.apiVersion ?? '')} cannot be handled as a ${call.resource.kind}: converting (${got.apiVersion}, Kind=${got.kind}) to (${version}, Kind=${call.resource.kind}): unknown conversion`,
      )
    : badRequest(
        `the API version in the data (${got.apiVersion}) does not match the expected API version (${version})`,
      );
};
