import { badRequest } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { requireEntry } from '#server/apiserver/rest/write.ts';
import type { NodeStreams } from '#server/apiserver/streams/node-streams.ts';

/** A container's log, from the node that runs the Pod. Rejects with a StatusError; `query` as of `pods/log`. */
export async function openPodLog(
  api: Api,
  call: Call,
  query: URLSearchParams,
  streams: NodeStreams,
): Promise<AsyncIterable<Uint8Array>> {
  const pod = objectOf(requireEntry(api, call)) as Pod;
  const container = chooseContainer(pod, query.get('container'));
  if (!pod.spec.nodeName) throw badRequest(`pod ${call.name} does not have a host assigned`);
  const asked = new URLSearchParams(query);
  asked.set('container', container);
  return streams.openLog(pod, asked);
}

/** The container that was asked for, or the only one; 400 as upstream words it. */
export function chooseContainer(pod: Pod, wanted: string | null): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const names = containers.map((c) => c.name);
  const inits = initContainers.map((c) => c.name);
  const all = [...names, ...inits, ...ephemeralContainers.map((c) => c.name)];
  if (wanted) {
    if (all.includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name}`);
  }
  const byDefault = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (byDefault && all.includes(byDefault)) return byDefault;
  if (names.length === 1) return names[0] as string;
  const choices = `choose one of: [${names.join(' ')}]`;
  const init = inits.length > 0 ? ` or one of the init containers: [${inits.join(' ')}]` : '';
  throw badRequest(`a container name must be specified for pod ${pod.metadata.name}, ${choices}${init}`);
}
