import type { Pod, Volume, VolumeProjection } from '#proto/schema/generated/core-v1.ts';
import { fsGroupOf } from './ownership.ts';
import {
  configMapPayload,
  downwardPayload,
  type PayloadFile,
  type PayloadResult,
  secretPayload,
} from './payload.plan.ts';
import type { TokenSource } from './tokens.ts';
import type { VolumeHost, VolumePlugin, VolumeRequest } from './volume.ts';
import { DEFAULT_MODE, writeVolume } from './written.ts';

/** Several sources in one folder; later ones win. Every pod has one of these, for its service account. */
export class ProjectedPlugin implements VolumePlugin {
  readonly name = 'projected';
  readonly inMemory = true;
  readonly #host: VolumeHost;
  readonly #tokens: TokenSource;

  constructor(host: VolumeHost, tokens: TokenSource) {
    this.#host = host;
    this.#tokens = tokens;
  }

  supports(volume: Volume): boolean {
    return volume.projected !== undefined;
  }

  async setUp(request: VolumeRequest): Promise<string> {
    const { sources = [], defaultMode = DEFAULT_MODE } = request.volume.projected ?? {};
    const all = new Map<string, PayloadFile>();
    // All that is missing is told at once, as upstream does.
    const problems: string[] = [];
    for (const source of sources) {
      const result = await this.#payload(source, defaultMode, request);
      if (!result.ok) problems.push(result.message);
      else for (const [path, file] of result.payload) all.set(path, file);
    }
    if (problems.length > 0) {
      const message = problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
      return writeVolume(this.#host, request, { ok: false, message });
    }
    return writeVolume(this.#host, request, { ok: true, payload: all });
  }

  async refresh(request: VolumeRequest): Promise<void> {
    await this.setUp(request);
  }

  async #payload(
    source: VolumeProjection,
    defaultMode: number,
    { pod, facts, podDir }: VolumeRequest,
  ): Promise<PayloadResult> {
    const namespace = pod.metadata.namespace ?? '';
    if (source.configMap) {
      const { name = '', items, optional = false } = source.configMap;
      return configMapPayload(this.#host.state.configMap(namespace, name), name, {
        items,
        defaultMode,
        optional,
      });
    }
    if (source.secret) {
      const { name = '', items, optional = false } = source.secret;
      return secretPayload(this.#host.state.secret(namespace, name), name, { items, defaultMode, optional });
    }
    if (source.downwardAPI) return downwardPayload(pod, source.downwardAPI.items, defaultMode, facts);
    if (source.serviceAccountToken) {
      const data = await this.#tokens.token(pod, podDir, source.serviceAccountToken);
      const uid = soleUserOf(pod);
      // Readable by the one user or the group that the pod has; by all, only if it has neither.
      const mode = uid !== undefined || fsGroupOf(pod) !== undefined ? 0o600 : defaultMode;
      const file: PayloadFile = { content: { encoding: 'utf8', data }, mode, uid };
      return { ok: true, payload: new Map([[source.serviceAccountToken.path, file]]) };
    }
    const what = source.clusterTrustBundle ? 'ClusterTrustBundle projection' : 'pod certificate projection';
    return { ok: false, message: `${what} is not supported on this node` };
  }
}

/** The user that all containers run as, if they say so and agree. */
export function soleUserOf(pod: Pod): number | undefined {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const users = new Set(
    containers.map((c) => c.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser),
  );
  return users.size === 1 ? [...users][0] : undefined;
}
