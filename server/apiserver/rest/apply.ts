import type { Api, Call } from '#server/apiserver/rest/api.ts';
import type { PatchRequest } from '#server/apiserver/rest/patch.ts';
import type { Updated } from '#server/apiserver/rest/update.ts';
export async function applyObject(_api: Api, _call: Call, _request: PatchRequest): Promise<Updated> {
  throw new Error('soon');
}
