import type { AuthorizationCheck, AuthorizationQuestion, AuthorizedResource } from '#server/cel/engine.ts';
import type { Library } from '#server/cel/functions.ts';
import { traversal } from '#server/cel/library/costs.ts';
import { CelOpaque, type CelValue, Fault, sizeOf } from '#server/cel/value.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

/** Questions to the authorizers of the server. Rule: apiserver `pkg/cel/library/authz.go`. */
const PACKAGE = 'kubernetes.authorization';
/** Two of them fit into one expression. */
const CHECK_COST = 350_000;

abstract class Identity extends CelOpaque {
  equals(other: CelOpaque): boolean {
    return this === other;
  }
}

class Authorizer extends Identity {
  readonly typeName = `${PACKAGE}.Authorizer`;
  readonly check: AuthorizationCheck;
  readonly serviceAccount: string | undefined;

  constructor(check: AuthorizationCheck, serviceAccount?: string) {
    super();
    this.check = check;
    this.serviceAccount = serviceAccount;
  }

  ask(question: AuthorizationQuestion): Decision {
    const { serviceAccount } = this;
    return new Decision(
      this.check(serviceAccount === undefined ? question : { ...question, serviceAccount }),
    );
  }
}

class PathCheck extends Identity {
  readonly typeName = `${PACKAGE}.PathCheck`;
  readonly authorizer: Authorizer;
  readonly path: string;

  constructor(authorizer: Authorizer, path: string) {
    super();
    this.authorizer = authorizer;
    this.path = path;
  }
}

class GroupCheck extends Identity {
  readonly typeName = `${PACKAGE}.GroupCheck`;
  readonly authorizer: Authorizer;
  readonly group: string;

  constructor(authorizer: Authorizer, group: string) {
    super();
    this.authorizer = authorizer;
    this.group = group;
  }
}

class ResourceCheck extends Identity {
  readonly typeName = `${PACKAGE}.ResourceCheck`;
  readonly authorizer: Authorizer;
  readonly resource: AuthorizedResource;

  constructor(authorizer: Authorizer, resource: AuthorizedResource) {
    super();
    this.authorizer = authorizer;
    this.resource = resource;
  }

  with(more: Partial<AuthorizedResource>): ResourceCheck {
    return new ResourceCheck(this.authorizer, { ...this.resource, ...more });
  }
}

class Decision extends Identity {
  readonly typeName = `${PACKAGE}.Decision`;
  readonly answer: ReturnType<AuthorizationCheck>;

  constructor(answer: ReturnType<AuthorizationCheck>) {
    super();
    this.answer = answer;
  }
}

/** See `CelEngine.authorizer`. */
export function createAuthorizer(
  check: AuthorizationCheck,
  resource?: AuthorizedResource,
): { readonly authorizer: CelValue; readonly requestResource: CelValue | undefined } {
  const authorizer = new Authorizer(check);
  return { authorizer, requestResource: resource && new ResourceCheck(authorizer, resource) };
}

function serviceAccount(authorizer: Authorizer, namespace: string, name: string): CelValue | Fault {
  if (dnsSubdomainProblems(name).length > 0) return new Fault('Invalid service account name');
  if (dnsLabelProblems(namespace).length > 0) return new Fault('Invalid service account namespace');
  return new Authorizer(authorizer.check, `${namespace}:${name}`);
}

const selectorCost = (args: readonly CelValue[]): number => {
  const size = sizeOf(args[1] as CelValue);
  return 10 + Math.ceil(size * traversal) + Math.ceil(Math.ceil(size * 0.5) * 50);
};

const A = `${PACKAGE}.Authorizer`;
const R = `${PACKAGE}.ResourceCheck`;
const G = `${PACKAGE}.GroupCheck`;
const P = `${PACKAGE}.PathCheck`;
const D = `${PACKAGE}.Decision`;

const refine = (name: keyof AuthorizedResource) => (check: ResourceCheck, value: string) =>
  check.with({ [name]: value });

export const authorization: Library = {
  path: [
    [
      `${A}.(string) ${P}`,
      (authorizer: Authorizer, path: string) =>
        path.trim() === '' ? new Fault('path must not be empty') : new PathCheck(authorizer, path),
    ],
  ],
  group: [
    [`${A}.(string) ${G}`, (authorizer: Authorizer, group: string) => new GroupCheck(authorizer, group)],
  ],
  serviceAccount: [[`${A}.(string, string) ${A}`, serviceAccount]],
  resource: [
    [
      `${G}.(string) ${R}`,
      ({ authorizer, group }: GroupCheck, resource: string) =>
        resource.trim() === ''
          ? new Fault('resource must not be empty')
          : new ResourceCheck(authorizer, { group, resource }),
    ],
  ],
  subresource: [[`${R}.(string) ${R}`, refine('subresource')]],
  namespace: [[`${R}.(string) ${R}`, refine('namespace')]],
  name: [[`${R}.(string) ${R}`, refine('name')]],
  fieldSelector: [[`${R}.(string) ${R}`, refine('fieldSelector'), selectorCost]],
  labelSelector: [[`${R}.(string) ${R}`, refine('labelSelector'), selectorCost]],
  check: [
    [
      `${P}.(string) ${D}`,
      ({ authorizer, path }: PathCheck, verb: string) => authorizer.ask({ kind: 'path', verb, path }),
      () => CHECK_COST,
    ],
    [
      `${R}.(string) ${D}`,
      ({ authorizer, resource }: ResourceCheck, verb: string) =>
        authorizer.ask({ kind: 'resource', verb, ...resource, version: '*' }),
      () => CHECK_COST,
    ],
  ],
  errored: [[`${D}.() bool`, ({ answer }: Decision) => answer.error !== undefined]],
  error: [[`${D}.() string`, ({ answer }: Decision) => answer.error ?? '']],
  allowed: [[`${D}.() bool`, ({ answer }: Decision) => answer.allowed]],
  reason: [[`${D}.() string`, ({ answer }: Decision) => answer.reason ?? '']],
};
