import { forbidden, StatusError } from '#proto/meta/status-error.ts';
import { type AuditTrail, noteDecision } from '#server/apiserver/audit/audit-trail.ts';
import type { AuthorizationRequest, Authorizer } from '#server/apiserver/authz/authorizer.ts';

/** Rejects with the 403 that upstream's authorizers give where the user may not. */
export async function requireAllowed(
  authorizer: Authorizer,
  asked: AuthorizationRequest,
  trail: AuditTrail | undefined,
): Promise<void> {
  const decision = await authorizer.authorize(asked);
  noteDecision(trail, decision);
  if (decision.allowed) return;
  const { user, verb } = asked;
  const why = decision.reason ? `: ${decision.reason}` : '';
  if (asked.kind === 'path') {
    const message = `forbidden: User "${user.name}" cannot ${verb} path "${asked.path}"${why}`;
    throw new StatusError('Forbidden', message, { details: {} });
  }
  const { group, resource, subresource, namespace, name = '' } = asked;
  const what = subresource ? `${resource}/${subresource}` : resource;
  const where = namespace ? ` in the namespace "${namespace}"` : ' at the cluster scope';
  throw forbidden(
    { group, resource },
    name,
    `User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}"${where}${why}`,
  );
}
