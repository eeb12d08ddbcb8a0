import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import type { Container, HTTPGetAction, LifecycleHandler, Probe } from '#proto/schema/generated/core-v1.ts';
import { nonNegative, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import {
  httpHeaderProblems,
  portNameProblems,
  portNumberProblems,
} from '#server/registry/validation/names.ts';

type Handler = Probe & LifecycleHandler;

/** A port by number or by name. */
export const validatePortRef = (port: number | string | undefined, path: string): FieldError[] =>
  typeof port === 'string'
    ? problemsAt(path, port, portNameProblems(port))
    : problemsAt(path, port ?? 0, portNumberProblems(port ?? 0));

/** The probes and hooks of a container. Rule: upstream's `validateLivenessProbe` and its siblings. */
export function validateProbes(
  container: Container,
  graceSeconds: number | undefined,
  path: string,
): FieldError[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  const errors: FieldError[] = [];
  for (const [name, hook] of Object.entries({
    postStart: lifecycle?.postStart,
    preStop: lifecycle?.preStop,
  })) {
    if (hook) errors.push(...validateHandler(hook, graceSeconds, `${path}.lifecycle.${name}`));
  }
  errors.push(
    ...validateProbe(livenessProbe, `${path}.livenessProbe`),
    ...mustBeOne(livenessProbe, `${path}.livenessProbe`),
  );
  errors.push(...validateProbe(readinessProbe, `${path}.readinessProbe`));
  if (readinessProbe?.terminationGracePeriodSeconds !== undefined) {
    const at = `${path}.readinessProbe.terminationGracePeriodSeconds`;
    const value = readinessProbe.terminationGracePeriodSeconds;
    errors.push(invalidValue(at, value, 'must not be set for readinessProbes'));
  }
  errors.push(
    ...validateProbe(startupProbe, `${path}.startupProbe`),
    ...mustBeOne(startupProbe, `${path}.startupProbe`),
  );
  return errors;
}

const mustBeOne = (probe: Probe | undefined, path: string): FieldError[] =>
  probe && probe.successThreshold !== 1
    ? [invalidValue(`${path}.successThreshold`, probe.successThreshold ?? 0, 'must be 1')]
    : [];

function validateProbe(probe: Probe | undefined, path: string): FieldError[] {
  if (!probe) return [];
  const errors = validateHandler(probe, undefined, path);
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    errors.push(...nonNegative(`${path}.${field}`, probe[field]));
  }
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    errors.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
  return errors;
}

function validateHandler(handler: Handler, graceSeconds: number | undefined, path: string): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  const checks: [string, unknown, () => FieldError[]][] = [
    ['exec', exec, () => (exec?.command?.length ? [] : [required(`${path}.exec.command`)])],
    ['httpGet', httpGet, () => (httpGet ? validateHttpGet(httpGet, `${path}.httpGet`) : [])],
    ['tcpSocket', tcpSocket, () => validatePortRef(tcpSocket?.port, `${path}.tcpSocket.port`)],
    ['grpc', grpc, () => validatePortRef(grpc?.port, `${path}.grpc.port`)],
    ['sleep', sleep, () => validateSleep(sleep?.seconds ?? 0, graceSeconds, `${path}.sleep`)],
  ];
  const given = checks.filter(([, value]) => value);
  if (given.length === 0) return [required(path, 'must specify a handler type')];
  return given.flatMap(([name, , check], i) =>
    i === 0 ? check() : [forbiddenField(`${path}.${name}`, 'may not specify more than 1 handler type')],
  );
}

function validateHttpGet(get: HTTPGetAction, path: string): FieldError[] {
  return [
    ...(get.path ? [] : [required(`${path}.path`)]),
    ...validatePortRef(get.port, `${path}.port`),
    ...oneOf(`${path}.scheme`, get.scheme, ['HTTP', 'HTTPS']),
    ...(get.httpHeaders ?? []).flatMap(({ name }) =>
      problemsAt(`${path}.httpHeaders`, name, httpHeaderProblems(name)),
    ),
  ];
}

function validateSleep(seconds: number, graceSeconds: number | undefined, path: string): FieldError[] {
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return [];
  const detail = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
  return [invalidValue(path, seconds, detail)];
}
