import type { Volume } from '#proto/schema/generated/core-v1.ts';
import { configMapPayload } from './payload.plan.ts';
import type { VolumeHost, VolumePlugin, VolumeRequest } from './volume.ts';
import { DEFAULT_MODE, writeVolume } from './written.ts';

/** The keys of a ConfigMap as files, which follow its changes. */
export class ConfigMapPlugin implements VolumePlugin {
  readonly name = 'configmap';
  readonly inMemory = true;
  readonly #host: VolumeHost;

  constructor(host: VolumeHost) {
    this.#host = host;
  }

  supports(volume: Volume): boolean {
    return volume.configMap !== undefined;
  }

  async setUp(request: VolumeRequest): Promise<string> {
    const source = request.volume.configMap ?? {};
    const name = source.name ?? '';
    const object = this.#host.state.configMap(request.pod.metadata.namespace ?? '', name);
    const wish = {
      items: source.items,
      defaultMode: source.defaultMode ?? DEFAULT_MODE,
      optional: source.optional ?? false,
    };
    return writeVolume(this.#host, request, configMapPayload(object, name, wish));
  }

  async refresh(request: VolumeRequest): Promise<void> {
    await this.setUp(request);
  }
}
