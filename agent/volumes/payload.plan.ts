/** Which files a ConfigMap, Secret or downward API volume shows. Rule: upstream's `pkg/volume/{configmap,secret,projected}`. */
import { podField, resourceField } from '#agent/pod/fields.plan.ts';
import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
} from '#proto/schema/generated/core-v1.ts';
import type { PodFacts } from './facts.ts';

export interface PayloadFile {
  readonly content: { readonly encoding: 'utf8' | 'base64'; readonly data: string };
  readonly mode: number;
  /** Of the user that alone may read it; undefined is root. */
  readonly uid?: number | undefined;
}

/** By path below the volume, `/` between folders. */
export type Payload = ReadonlyMap<string, PayloadFile>;

export type PayloadResult =
  | { readonly ok: true; readonly payload: Payload }
  | { readonly ok: false; readonly message: string };

interface Wish {
  readonly items: readonly KeyToPath[] | undefined;
  readonly defaultMode: number;
  readonly optional: boolean;
}

export function configMapPayload(configMap: ConfigMap | undefined, name: string, wish: Wish): PayloadResult {
  if (!configMap && !wish.optional)
    return { ok: false, message: `configmap ${JSON.stringify(name)} not found` };
  const contents = new Map<string, PayloadFile['content']>();
  for (const [key, data] of Object.entries(configMap?.data ?? {}))
    contents.set(key, { encoding: 'utf8', data });
  for (const [key, data] of Object.entries(configMap?.binaryData ?? {}))
    contents.set(key, { encoding: 'base64', data });
  return pick(contents, wish, 'configmap references non-existent config key');
}

export function secretPayload(secret: Secret | undefined, name: string, wish: Wish): PayloadResult {
  if (!secret && !wish.optional) return { ok: false, message: `secret ${JSON.stringify(name)} not found` };
  const contents = new Map<string, PayloadFile['content']>();
  for (const [key, data] of Object.entries(secret?.data ?? {}))
    contents.set(key, { encoding: 'base64', data });
  return pick(contents, wish, 'references non-existent secret key');
}

function pick(
  contents: ReadonlyMap<string, PayloadFile['content']>,
  wish: Wish,
  missing: string,
): PayloadResult {
  const payload = new Map<string, PayloadFile>();
  if (!wish.items?.length) {
    for (const [key, content] of contents) payload.set(key, { content, mode: wish.defaultMode });
    return { ok: true, payload };
  }
  for (const { key, path, mode } of wish.items) {
    const content = contents.get(key);
    if (content) payload.set(path, { content, mode: mode ?? wish.defaultMode });
    else if (!wish.optional) return { ok: false, message: `${missing}: ${key}` };
  }
  return { ok: true, payload };
}

export function downwardPayload(
  pod: Pod,
  items: readonly DownwardAPIVolumeFile[] | undefined,
  defaultMode: number,
  facts: PodFacts,
): PayloadResult {
  const payload = new Map<string, PayloadFile>();
  for (const item of items ?? []) {
    const data = downwardValue(pod, item, facts);
    if (data === undefined) {
      const what = item.fieldRef?.fieldPath ?? item.resourceFieldRef?.resource ?? item.path;
      return { ok: false, message: `unsupported fieldPath: ${what}` };
    }
    payload.set(item.path, { content: { encoding: 'utf8', data }, mode: item.mode ?? defaultMode });
  }
  return { ok: true, payload };
}

function downwardValue(pod: Pod, item: DownwardAPIVolumeFile, facts: PodFacts): string | undefined {
  if (item.fieldRef) return podField(pod, item.fieldRef.fieldPath, facts);
  const selector = item.resourceFieldRef;
  return selector && resourceField(pod, selector.containerName ?? '', selector, facts.allocatable);
}
