import type { Volume } from '#proto/schema/generated/core-v1.ts';
import { secretPayload } from './payload.plan.ts';
import type { VolumeHost, VolumePlugin, VolumeRequest } from './volume.ts';
import { DEFAULT_MODE, writeVolume } from './written.ts';

/** The keys of a Secret as files, which follow its changes. */
export class SecretPlugin implements VolumePlugin {
  readonly name = 'secret';
  readonly inMemory = true;
  readonly #host: VolumeHost;

  constructor(host: VolumeHost) {
    this.#host = host;
  }

  supports(volume: Volume): boolean {
    return volume.secret !== undefined;
  }

  async setUp(request: VolumeRequest): Promise<string> {
    const source = request.volume.secret ?? {};
    const name = source.secretName ?? '';
    const object = this.#host.state.secret(request.pod.metadata.namespace ?? '', name);
    const wish = {
      items: source.items,
      defaultMode: source.defaultMode ?? DEFAULT_MODE,
      optional: source.optional ?? false,
    };
    return writeVolume(this.#host, request, secretPayload(object, name, wish));
  }

  async refresh(request: VolumeRequest): Promise<void> {
    await this.setUp(request);
  }
}
