import { isIP } from 'node:net';
import { type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressSpec,
} from '#proto/schema/generated/networking-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, named, problemsAt } from '#server/registry/validation/field-checks.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  portNameProblems,
  portNumberProblems,
  wildcardSubdomainProblems,
} from '#server/registry/validation/names.ts';

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const BAD_ENDINGS = ['/..', '/.'];

/** Ingresses. Rule: upstream's `pkg/apis/networking/validation`. */
export const ingress: Strategy<Ingress> = {
  applyDefaults: (object) => {
    object.spec ??= {};
  },
  prepareForCreate: (object) => {
    object.status = { loadBalancer: {} };
  },
  validate: ({ spec }, { subresource }) => (subresource ? [] : validateSpec(spec)),
};

function validateSpec(spec: IngressSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.rules?.length && !spec.defaultBackend) {
    errors.push(invalidValue('spec', spec.rules, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (spec.defaultBackend) errors.push(...validateBackend(spec.defaultBackend, 'spec.defaultBackend'));
  const { ingressClassName } = spec;
  return [
    ...errors,
    ...eachAt(spec.rules, 'spec.rules', validateRule),
    ...eachAt(spec.tls, 'spec.tls', ({ hosts, secretName }, at) => [
      ...eachAt(hosts, `${at}.hosts`, (host, p) => problemsAt(p, host, hostProblems(host))),
      ...(secretName ? problemsAt(`${at}.secretName`, secretName, dnsSubdomainProblems(secretName)) : []),
    ]),
    ...(ingressClassName
      ? problemsAt('spec.ingressClassName', ingressClassName, dnsSubdomainProblems(ingressClassName))
      : []),
  ];
}

const hostProblems = (host: string): string[] =>
  host.includes('*') ? wildcardSubdomainProblems(host) : dnsSubdomainProblems(host);

function validateRule({ host, http }: IngressRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (host) {
    if (isIP(host)) errors.push(invalidValue(`${path}.host`, host, 'must be a DNS name, not an IP address'));
    errors.push(...problemsAt(`${path}.host`, host, hostProblems(host)));
  }
  if (!http) return errors;
  if (!http.paths?.length) return [...errors, required(`${path}.http.paths`)];
  return [...errors, ...eachAt(http.paths, `${path}.http.paths`, validatePath)];
}

function validatePath({ path, pathType, backend }: HTTPIngressPath, at: string): FieldError[] {
  const errors = validatePathType(path ?? '', pathType, at);
  return [...errors, ...validateBackend(backend ?? {}, `${at}.backend`)];
}

function validatePathType(path: string, type: string | undefined, at: string): FieldError[] {
  if (!type) return [required(`${at}.pathType`, 'pathType must be specified')];
  if (!PATH_TYPES.includes(type)) return [notSupported(`${at}.pathType`, type, PATH_TYPES)];
  if (type === 'ImplementationSpecific') {
    if (!path || path.startsWith('/')) return [];
    return [invalidValue(`${at}.path`, path, 'must be an absolute path')];
  }
  if (!path.startsWith('/')) return [invalidValue(`${at}.path`, path, 'must be an absolute path')];
  return [
    ...BAD_SEQUENCES.filter((part) => path.includes(part)).map((part) =>
      invalidValue(`${at}.path`, path, `must not contain '${part}'`),
    ),
    ...BAD_ENDINGS.filter((end) => path.endsWith(end)).map((end) =>
      invalidValue(`${at}.path`, path, `cannot end with '${end}'`),
    ),
  ];
}

function validateBackend({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (service && resource) {
    return [invalidValue(path, '', 'cannot set both resource and service backends')];
  }
  if (resource) {
    return [
      ...(resource.kind ? [] : [required(`${path}.resource.kind`)]),
      ...(resource.name ? [] : [required(`${path}.resource.name`)]),
    ];
  }
  if (!service) return [invalidValue(path, '', 'resource or service backend is required')];
  const errors = named(`${path}.service.name`, service.name, dnsLabelProblems);
  const { name, number } = service.port ?? {};
  const at = `${path}.service.port`;
  if (name && number) return [...errors, invalidValue(path, '', 'cannot set both port name & port number')];
  if (name) return [...errors, ...problemsAt(`${at}.name`, name, portNameProblems(name))];
  if (number) return [...errors, ...problemsAt(`${at}.number`, number, portNumberProblems(number))];
  return [...errors, required(path, 'port name or number is required')];
}
