import type { Volume } from '#proto/schema/generated/core-v1.ts';
import { downwardPayload } from './payload.plan.ts';
import type { VolumeHost, VolumePlugin, VolumeRequest } from './volume.ts';
import { DEFAULT_MODE, writeVolume } from './written.ts';

/** What a pod may know of itself, as files; labels and annotations follow their changes. */
export class DownwardApiPlugin implements VolumePlugin {
  readonly name = 'downward-api';
  readonly inMemory = true;
  readonly #host: VolumeHost;

  constructor(host: VolumeHost) {
    this.#host = host;
  }

  supports(volume: Volume): boolean {
    return volume.downwardAPI !== undefined;
  }

  async setUp(request: VolumeRequest): Promise<string> {
    const { items, defaultMode = DEFAULT_MODE } = request.volume.downwardAPI ?? {};
    const result = downwardPayload(request.pod, items, defaultMode, request.facts);
    return writeVolume(this.#host, request, result);
  }

  async refresh(request: VolumeRequest): Promise<void> {
    await this.setUp(request);
  }
}
