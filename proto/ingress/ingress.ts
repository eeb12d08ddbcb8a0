/**
 * What the server and the boards agree on about Ingresses: which are ours, what our annotations mean, what they name. Pure.
 */
import type { Ingress, IngressBackend, IngressClass } from '#proto/schema/generated/networking-v1.ts';

/** The class that the server makes, and the controller that its spec names: other classes may name it too. */
export const CLASS_NAME = 'coracle';
export const CONTROLLER = 'coracle.dev/ingress';
export const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class';

/** On a Node, `"false"`: this board serves no Ingress, and gets none of their keys. */
export const SERVES_LABEL = 'coracle.dev/ingress';

/** A Node's condition: True while its board serves Ingresses. */
export const NODE_CONDITION = 'IngressReady';

/** Annotations of an Ingress. */
export const ANNOTATIONS = {
  /** `"true"`: plain HTTP is sent on to HTTPS. */
  sslRedirect: 'coracle.dev/ssl-redirect',
  /** `cookie`: a client stays with the Pod that served it first. */
  affinity: 'coracle.dev/affinity',
  /** Seconds that a Pod may take before it begins to answer. */
  timeout: 'coracle.dev/timeout-seconds',
} as const;

const LEGACY_CLASS = 'kubernetes.io/ingress.class';
const MAX_TIMEOUT_SECONDS = 86_400;

export interface IngressSettings {
  readonly sslRedirect: boolean;
  readonly cookieAffinity: boolean;
  /** Undefined: what Coracle thinks right. */
  readonly timeoutSeconds: number | undefined;
}

/** What the annotations say; one that says nothing that we know is as if absent, and named in `problems`. */
export function settingsOf({
  metadata,
}: Ingress): IngressSettings & { readonly problems: readonly string[] } {
  const { sslRedirect, affinity, timeout } = ANNOTATIONS;
  const annotations = metadata.annotations ?? {};
  const problems: string[] = [];
  const oneOf = (name: string, values: readonly string[]): string | undefined => {
    const value = annotations[name];
    if (value === undefined || values.includes(value)) return value;
    problems.push(`annotation ${name}: "${value}" is none of ${values.join(', ')}`);
    return undefined;
  };
  const seconds = annotations[timeout];
  const timeoutSeconds =
    seconds !== undefined && /^[1-9]\d{0,4}$/.test(seconds) ? Number(seconds) : undefined;
  const isTimeout = timeoutSeconds !== undefined && timeoutSeconds <= MAX_TIMEOUT_SECONDS;
  if (seconds !== undefined && !isTimeout)
    problems.push(
      `annotation ${timeout}: "${seconds}" is not a number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}`,
    );
  return {
    sslRedirect: oneOf(sslRedirect, ['true', 'false']) === 'true',
    cookieAffinity: oneOf(affinity, ['none', 'cookie']) === 'cookie',
    timeoutSeconds: isTimeout ? timeoutSeconds : undefined,
    problems,
  };
}

/** The class that an Ingress asks for; the annotation is from before the field, which wins. */
export const classOf = ({ metadata, spec }: Ingress): string | undefined =>
  spec.ingressClassName ?? metadata.annotations?.[LEGACY_CLASS];

/** Whether an Ingress is for our boards. */
export function isServed(
  ingress: Ingress,
  classNamed: (name: string) => Pick<IngressClass, 'spec'> | undefined,
): boolean {
  const name = classOf(ingress);
  return name !== undefined && classNamed(name)?.spec.controller === CONTROLLER;
}

/** The Secrets with keys and certificates that an Ingress names, as `namespace/name`. */
export function tlsSecretsOf({ metadata, spec }: Ingress): readonly string[] {
  const names = (spec.tls ?? []).map(({ secretName }) => secretName).filter((name) => name !== undefined);
  return [...new Set(names)].map((name) => `${metadata.namespace}/${name}`);
}

/** Every backend that an Ingress names, with where it stands. */
export function backendsOf({
  spec,
}: Ingress): readonly { readonly at: string; readonly backend: IngressBackend }[] {
  const rules = (spec.rules ?? []).flatMap(({ http }, rule) =>
    (http?.paths ?? []).map(({ backend }, path) => ({
      at: `spec.rules[${rule}].http.paths[${path}].backend`,
      backend,
    })),
  );
  const { defaultBackend } = spec;
  return [...(defaultBackend ? [{ at: 'spec.defaultBackend', backend: defaultBackend }] : []), ...rules];
}

/**
 * A request's path has neither blanks nor control characters: a rule with one serves nothing, and would be two words in the
 * proxy's map.
 */
export const isUsablePath = (path: string): boolean => /^[!-~]*$/.test(path);

/** Who made an Ingress first has what two of them want. */
export function inOrderOfAge(ingresses: readonly Ingress[]): Ingress[] {
  const rank = ({ metadata }: Ingress): string =>
    `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`;
  return [...ingresses].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}
