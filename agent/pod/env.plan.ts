/**
 * A container's environment. Rule: upstream's `makeEnvironmentVariables`: services, then envFrom, then env,
 * each able to use what came before it; a missing reference that is not optional keeps the container from starting.
 */
import type {
  ConfigMap,
  Container,
  EnvVar,
  EphemeralContainer,
  Pod,
  Secret,
  Service,
} from '#proto/schema/generated/core-v1.ts';
import { expand } from './expansion.plan.ts';
import { type FieldContext, podField, resourceField } from './fields.plan.ts';
import { serviceEnv } from './service-env.plan.ts';

export interface EnvSources extends FieldContext {
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
  readonly services: readonly Service[];
  readonly allocatable: Readonly<Record<string, string>>;
  /** Base64 to text; plans have no decoder of their own. */
  decode(base64: string): string;
}

export type EnvResult =
  | { readonly ok: true; readonly env: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly message: string };

class Missing {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** All variables of one container, or the sentence that says what is missing. */
export function containerEnv(
  pod: Pod,
  container: Container | EphemeralContainer,
  sources: EnvSources,
): EnvResult {
  const namespace = pod.metadata.namespace ?? 'default';
  const services = serviceEnv(sources.services, namespace, pod.spec.enableServiceLinks ?? true);
  const env = new Map<string, string>();
  for (const from of container.envFrom ?? []) {
    const data = envFrom(namespace, from, sources);
    if (data instanceof Missing) return { ok: false, message: data.message };
    for (const [key, text] of Object.entries(data)) env.set(`${from.prefix ?? ''}${key}`, text);
  }
  const lookup = (name: string): string | undefined => env.get(name) ?? services.get(name);
  for (const variable of container.env ?? []) {
    const text = variable.valueFrom
      ? fromReference(pod, container.name, variable, sources)
      : expand(variable.value ?? '', lookup);
    if (text instanceof Missing) return { ok: false, message: text.message };
    if (text !== undefined) env.set(variable.name, text);
  }
  for (const [name, text] of services) if (!env.has(name)) env.set(name, text);
  return { ok: true, env };
}

function envFrom(
  namespace: string,
  from: NonNullable<Container['envFrom']>[number],
  sources: EnvSources,
): Readonly<Record<string, string>> | Missing {
  if (from.configMapRef) {
    const name = from.configMapRef.name ?? '';
    const map = sources.configMap(namespace, name);
    if (!map && !from.configMapRef.optional) return new Missing(`configmap "${name}" not found`);
    return map?.data ?? {};
  }
  if (from.secretRef) {
    const name = from.secretRef.name ?? '';
    const secret = sources.secret(namespace, name);
    if (!secret && !from.secretRef.optional) return new Missing(`secret "${name}" not found`);
    const entries = Object.entries(secret?.data ?? {});
    return Object.fromEntries(entries.map(([key, text]) => [key, sources.decode(text)]));
  }
  return {};
}

function fromReference(
  pod: Pod,
  container: string,
  variable: EnvVar,
  sources: EnvSources,
): string | undefined | Missing {
  const namespace = pod.metadata.namespace ?? 'default';
  const from = variable.valueFrom ?? {};
  if (from.fieldRef) {
    const path = from.fieldRef.fieldPath;
    return podField(pod, path, sources) ?? new Missing(`unsupported fieldPath: ${path}`);
  }
  if (from.resourceFieldRef) {
    const text = resourceField(pod, container, from.resourceFieldRef, sources.allocatable);
    return text ?? new Missing(`unsupported container resource: ${from.resourceFieldRef.resource}`);
  }
  if (from.configMapKeyRef) {
    const { name = '', key, optional } = from.configMapKeyRef;
    const map = sources.configMap(namespace, name);
    if (!map) return optional ? undefined : new Missing(`configmap "${name}" not found`);
    const text = map.data?.[key];
    if (text !== undefined || optional) return text;
    return new Missing(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
  }
  if (from.secretKeyRef) {
    const { name = '', key, optional } = from.secretKeyRef;
    const secret = sources.secret(namespace, name);
    if (!secret) return optional ? undefined : new Missing(`secret "${name}" not found`);
    const text = secret.data?.[key];
    if (text !== undefined) return sources.decode(text);
    return optional ? undefined : new Missing(`couldn't find key ${key} in Secret ${namespace}/${name}`);
  }
  return new Missing(`environment variable ${variable.name}: this source is not supported on this node`);
}
