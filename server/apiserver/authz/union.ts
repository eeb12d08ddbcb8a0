import type { AuthorizationRequest, Authorizer, Decision } from '#server/apiserver/authz/authorizer.ts';

/** The first authorizer that allows or denies decides. `system:masters` may do everything, whatever roles say. */
export class UnionAuthorizer implements Authorizer {
  readonly #authorizers: readonly Authorizer[];

  constructor(authorizers: readonly Authorizer[]) {
    this.#authorizers = authorizers;
  }

  async authorize(request: AuthorizationRequest): Promise<Decision> {
    if (request.user.groups.includes('system:masters')) return { allowed: true };
    const reasons: string[] = [];
    for (const authorizer of this.#authorizers) {
      const decision = await authorizer.authorize(request);
      if (decision.allowed || decision.denied) return decision;
      if (decision.reason) reasons.push(decision.reason);
    }
    return { allowed: false, ...(reasons.length > 0 ? { reason: reasons.join('\n') } : {}) };
  }
}
