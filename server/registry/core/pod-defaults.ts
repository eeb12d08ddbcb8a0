import type {
  Container,
  LifecycleHandler,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceList,
  Volume,
} from '#proto/schema/generated/core-v1.ts';

const FILE_MODE = 0o644;
const TOKEN_SECONDS = 3600;

/** Defaults of every Pod spec, in a Pod and in a template. Rule: upstream's `pkg/apis/core/v1/defaults.go`. */
export function applyPodSpecDefaults(spec: PodSpec): void {
  spec.containers ??= [];
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  // It once meant "at once", which no runtime can do.
  if (spec.terminationGracePeriodSeconds < 0) spec.terminationGracePeriodSeconds = 1;
  spec.schedulerName ||= 'default-scheduler';
  // The old name of the field is kept in step with the new one.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  for (const volume of spec.volumes ?? []) applyVolumeDefaults(volume);
  for (const container of containersOf(spec)) applyContainerDefaults(container);
}

/** Defaults of a template: those of its spec. */
export function applyTemplateDefaults(template: PodTemplateSpec): void {
  template.metadata ??= {};
  template.spec ??= { containers: [] };
  applyPodSpecDefaults(template.spec);
}

/** What only a Pod itself gets: requests from limits, service links, host ports. */
export function applyPodOnlyDefaults(spec: PodSpec): void {
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    const { resources } = container;
    if (resources?.limits) resources.requests = { ...resources.limits, ...resources.requests };
  }
  const { resources } = spec;
  if (resources?.limits && Object.keys(resources.limits).length > 0) {
    resources.requests = { ...resources.limits, ...resources.requests };
  }
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork) applyHostPorts(spec);
}

export const containersOf = (spec: PodSpec): Container[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...(spec.ephemeralContainers ?? []),
];

/** `latest` where an image names neither tag nor digest. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest';
}

const pullPolicyOf = (image: string | undefined): string =>
  isLatest(image ?? '') ? 'Always' : 'IfNotPresent';

function applyContainerDefaults(container: Container): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image);
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  stringify(container.resources.limits);
  stringify(container.resources.requests);
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1';
    if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor ??= '0';
  }
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  for (const probe of [livenessProbe, readinessProbe, startupProbe]) if (probe) applyProbeDefaults(probe);
  for (const hook of [lifecycle?.postStart, lifecycle?.preStop]) if (hook) applyHttpDefaults(hook);
}

function applyProbeDefaults(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.grpc) probe.grpc.service ??= '';
  applyHttpDefaults(probe);
}

function applyHttpDefaults({ httpGet }: Probe | LifecycleHandler): void {
  if (!httpGet) return;
  httpGet.path ||= '/';
  httpGet.scheme ||= 'HTTP';
}

function applyVolumeDefaults(volume: Volume): void {
  const { name: _, ...sources } = volume;
  if (Object.values(sources).every((source) => source === undefined || source === null)) volume.emptyDir = {};
  if (volume.secret) volume.secret.defaultMode ??= FILE_MODE;
  if (volume.configMap) volume.configMap.defaultMode ??= FILE_MODE;
  if (volume.downwardAPI) volume.downwardAPI.defaultMode ??= FILE_MODE;
  if (volume.hostPath) volume.hostPath.type ??= '';
  if (volume.image) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference);
  if (volume.iscsi) volume.iscsi.iscsiInterface ||= 'default';
  if (volume.ephemeral?.volumeClaimTemplate?.spec)
    volume.ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem';
  if (volume.projected) volume.projected.defaultMode ??= FILE_MODE;
  const projections = volume.projected?.sources ?? [];
  for (const { serviceAccountToken } of projections) {
    if (serviceAccountToken) serviceAccountToken.expirationSeconds ??= TOKEN_SECONDS;
  }
  const files = [volume.downwardAPI, ...projections.map((source) => source.downwardAPI)];
  for (const { fieldRef, resourceFieldRef } of files.flatMap((source) => source?.items ?? [])) {
    if (fieldRef) fieldRef.apiVersion ||= 'v1';
    if (resourceFieldRef) resourceFieldRef.divisor ??= '0';
  }
}

function applyHostPorts(spec: PodSpec): void {
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
  }
}

/** Quantities may come as numbers in JSON; the API shows strings. */
function stringify(list: ResourceList | undefined): void {
  for (const [name, amount] of Object.entries(list ?? {})) {
    if (list && typeof amount !== 'string') list[name] = String(amount);
  }
}
