/** `fieldRef` and `resourceFieldRef`, for the environment and for downward API files alike. */
import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { Pod, ResourceFieldSelector } from '#proto/schema/generated/core-v1.ts';

export interface FieldContext {
  readonly nodeName: string;
  readonly hostIps: readonly string[];
  readonly podIps: readonly string[];
}

/** The value of a field path, or undefined for one that does not exist. */
export function podField(pod: Pod, path: string, context: FieldContext): string | undefined {
  const subscript = /^metadata\.(annotations|labels)\['(.+)'\]$/.exec(path);
  if (subscript) {
    const map = subscript[1] === 'labels' ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[subscript[2] ?? ''] ?? '';
  }
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name ?? '';
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid ?? '';
    case 'metadata.labels':
      return mapText(pod.metadata.labels);
    case 'metadata.annotations':
      return mapText(pod.metadata.annotations);
    case 'spec.nodeName':
      return context.nodeName;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return context.hostIps[0] ?? '';
    case 'status.hostIPs':
      return context.hostIps.join(',');
    case 'status.podIP':
      return context.podIps[0] ?? '';
    case 'status.podIPs':
      return context.podIps.join(',');
    default:
      return undefined;
  }
}

function mapText(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, text]) => `${key}=${JSON.stringify(text)}`)
    .join('\n');
}

/** `limits.cpu` and its like, in units of the divisor, rounded up; a limit that is not set is the board's. */
export function resourceField(
  pod: Pod,
  containerName: string,
  selector: ResourceFieldSelector,
  allocatable: Readonly<Record<string, string>>,
): string | undefined {
  const name = selector.containerName || containerName;
  const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((c) => c.name === name);
  const [list, ...rest] = selector.resource.split('.');
  const resource = rest.join('.');
  if (!container || !resource || (list !== 'limits' && list !== 'requests')) return undefined;
  const { limits, requests } = container.resources ?? {};
  const text =
    list === 'limits'
      ? (limits?.[resource] ?? allocatable[resource])
      : (requests?.[resource] ?? limits?.[resource] ?? '0');
  const divisor = selector.divisor && selector.divisor !== '0' ? selector.divisor : '1';
  const amount = text ?? '0';
  if (resource === 'cpu') return String(divideUp(milliValue(amount), milliValue(divisor)));
  return String(divideUp(quantityValue(amount), quantityValue(divisor)));
}

function divideUp(a: number, b: number): number {
  return b === 0 ? a : Math.ceil(a / b);
}
