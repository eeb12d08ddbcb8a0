/** What is to be said of an Ingress that our boards serve: where it is reached, and what in it can not be served. Pure. */
import {
  backendsOf,
  inOrderOfAge,
  isUsablePath,
  NODE_CONDITION,
  settingsOf,
  tlsSecretsOf,
} from '#proto/ingress/ingress.ts';
import type { Node, Service } from '#proto/schema/generated/core-v1.ts';
import type { Ingress, IngressBackend, IngressStatus } from '#proto/schema/generated/networking-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';

export interface IngressFacts {
  readonly nodes: readonly Node[];
  readonly service: (key: string) => Service | undefined;
  /** What is wrong with the Secret as a key pair; undefined: nothing. */
  readonly secretProblem: (key: string) => string | undefined;
  /** All that our boards serve, with this one. */
  readonly ingresses: readonly Ingress[];
}

const warning = (reason: string, message: string): EventWords => ({ type: 'Warning', reason, message });

/** The addresses of the boards that say that they serve. */
export function planStatus(nodes: readonly Node[]): IngressStatus {
  const addresses = nodes
    .filter((node) => !node.metadata.deletionTimestamp && has(node, 'Ready') && has(node, NODE_CONDITION))
    .flatMap(({ status }) => status?.addresses ?? [])
    .filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP')
    .map(({ address }) => address);
  const ingress = [...new Set(addresses)].sort().map((ip) => ({ ip }));
  return { loadBalancer: ingress.length > 0 ? { ingress } : {} };
}

const has = ({ status }: Node, type: string): boolean =>
  status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

/** As events; each once until things change. */
export function planProblems(ingress: Ingress, facts: IngressFacts): readonly EventWords[] {
  const { namespace } = ingress.metadata;
  return [
    ...backendsOf(ingress).flatMap(({ at, backend }) => backendProblem(namespace ?? '', at, backend, facts)),
    ...tlsSecretsOf(ingress).flatMap((key) => {
      const problem = facts.secretProblem(key);
      return problem
        ? [warning('TLSSecret', `Secret ${key}: ${problem}; the default certificate is shown`)]
        : [];
    }),
    ...settingsOf(ingress).problems.map((problem) => warning('Annotation', problem)),
    ...rulesOf(ingress)
      .filter(({ path }) => !isUsablePath(path))
      .map(({ path }) => warning('Path', `no request has a path like "${path}": blanks are sent as %20`)),
    ...takenBefore(ingress, facts.ingresses),
    ...boardProblems(facts.nodes),
  ];
}

function backendProblem(
  namespace: string,
  at: string,
  { resource, service }: IngressBackend,
  facts: IngressFacts,
): EventWords[] {
  if (resource) return [warning('Backend', `${at}: resource backends are not served, only Services`)];
  if (!service) return [];
  const key = `${namespace}/${service.name}`;
  const found = facts.service(key);
  if (!found) return [warning('Backend', `${at}: there is no Service ${key}`)];
  const { name, number } = service.port ?? {};
  const ports = found.spec.ports ?? [];
  const isThere = ports.some((port) => (name ? port.name === name : port.port === number));
  // A name of the world needs no port that the Service tells of.
  if (isThere || (found.spec.type === 'ExternalName' && number)) return [];
  return [warning('Backend', `${at}: Service ${key} has no port ${name ?? number}`)];
}

interface Rule {
  readonly host: string;
  readonly path: string;
  readonly exact: boolean;
}

const rulesOf = ({ spec }: Ingress): readonly Rule[] =>
  (spec.rules ?? []).flatMap(({ host, http }) =>
    (http?.paths ?? []).map(({ path, pathType }) => ({
      host: host || '*',
      path: path || '/',
      exact: pathType === 'Exact',
    })),
  );

/** A path of a host is the oldest Ingress' that has it. */
function takenBefore(ingress: Ingress, all: readonly Ingress[]): EventWords[] {
  const mine = rulesOf(ingress);
  const problems: EventWords[] = [];
  for (const other of inOrderOfAge(all)) {
    if (other.metadata.uid === ingress.metadata.uid) break;
    for (const { host, path, exact } of rulesOf(other)) {
      if (!mine.some((rule) => rule.host === host && rule.path === path && rule.exact === exact)) continue;
      const { namespace, name } = other.metadata;
      problems.push(
        warning('Conflict', `${host}${path} is that of Ingress ${namespace}/${name}, which is older`),
      );
    }
  }
  return problems;
}

function boardProblems(nodes: readonly Node[]): EventWords[] {
  return nodes.flatMap(({ metadata, status }) =>
    (status?.conditions ?? [])
      .filter(
        ({ type, status: stands, reason }) =>
          type === NODE_CONDITION && stands === 'False' && reason !== IDLE,
      )
      .map(({ message }) => warning('Board', `${metadata.name} does not serve it: ${message}`)),
  );
}

/** The reason of a board that had nothing to serve when it was last heard of. */
const IDLE = 'NoIngress';
