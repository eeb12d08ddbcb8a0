import { writePayload } from './atomic-writer.ts';
import { fsGroupOf } from './ownership.ts';
import type { PayloadResult } from './payload.plan.ts';
import { VolumeError, type VolumeHost, type VolumeRequest } from './volume.ts';

/** Modes that the API server's defaults give; a pod that came another way has none. */
export const DEFAULT_MODE = 0o644;

/** Writes what a plan made of the volume, or throws its message. */
export async function writeVolume(
  host: VolumeHost,
  { pod, directory }: VolumeRequest,
  result: PayloadResult,
): Promise<string> {
  if (!result.ok) throw new VolumeError(result.message);
  await writePayload(directory, result.payload, { fsGroup: fsGroupOf(pod) }, host.clock.now());
  return directory;
}
