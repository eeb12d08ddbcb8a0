import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { AuthorizationRequest, Authorizer } from '#server/apiserver/authz/authorizer.ts';
import type { AuthorizationCheck, AuthorizationQuestion } from '#server/cel/engine.ts';

type Answer = ReturnType<AuthorizationCheck>;

/** An expression asked something that is not answered yet. */
class Pending extends Error {
  readonly answer: Promise<void>;

  constructor(answer: Promise<void>) {
    super('an answer of the authorizer is pending');
    this.answer = answer;
  }
}

/**
 * What the authorizers say to the expressions of one write. Expressions evaluate at once and authorizers may take their
 * time: an evaluation whose question is open is given up and begun again with the answer. Evaluations have no
 * effects, each question is asked once, and the budget allows few of them.
 */
export class Answers {
  readonly #authorizer: Authorizer;
  readonly #user: UserInfo;
  readonly #known = new Map<string, Answer>();

  constructor(authorizer: Authorizer, user: UserInfo) {
    this.#authorizer = authorizer;
    this.#user = user;
  }

  readonly check: AuthorizationCheck = (question) => {
    const key = JSON.stringify(question);
    const known = this.#known.get(key);
    if (known) return known;
    throw new Pending(this.#ask(question).then((answer) => void this.#known.set(key, answer)));
  };

  /** Runs `evaluate` until nothing that it asks is open. */
  async settle<T>(evaluate: () => T): Promise<T> {
    for (;;) {
      try {
        return evaluate();
      } catch (err) {
        if (!(err instanceof Pending)) throw err;
        await err.answer;
      }
    }
  }

  async #ask(question: AuthorizationQuestion): Promise<Answer> {
    try {
      const { allowed, reason } = await this.#authorizer.authorize(requestOf(question, this.#user));
      return { allowed, reason };
    } catch (err) {
      return { allowed: false, error: (err as Error).message };
    }
  }
}

function requestOf(question: AuthorizationQuestion, asking: UserInfo): AuthorizationRequest {
  const user = question.serviceAccount === undefined ? asking : serviceAccount(question.serviceAccount);
  const { verb } = question;
  if (question.kind === 'path') return { kind: 'path', user, verb, path: question.path };
  const {
    group,
    version = '*',
    resource,
    subresource,
    namespace,
    name,
    fieldSelector,
    labelSelector,
  } = question;
  return {
    kind: 'resource',
    user,
    verb,
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
    fieldSelector,
    labelSelector,
  };
}

/** `namespace:name` as a user. */
function serviceAccount(account: string): UserInfo {
  const [namespace = '', name = ''] = account.split(':');
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  };
}
