import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';

/** One question to the authorizers: about a resource, or about a bare path (`/metrics`). */
export type AuthorizationRequest =
  | {
      readonly kind: 'resource';
      readonly user: UserInfo;
      /** Request verb: get, list, watch, create, update, patch, delete, deletecollection, bind, impersonate, … */
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource?: string | undefined;
      readonly namespace?: string | undefined;
      readonly name?: string | undefined;
      readonly labelSelector?: string | undefined;
      readonly fieldSelector?: string | undefined;
    }
  | { readonly kind: 'path'; readonly user: UserInfo; readonly verb: string; readonly path: string };

export type Decision = { readonly allowed: boolean; readonly denied?: boolean; readonly reason?: string };

/** `allowed: false` without `denied` means no opinion: the next authorizer is asked. */
export interface Authorizer {
  authorize(request: AuthorizationRequest): Promise<Decision> | Decision;
}
