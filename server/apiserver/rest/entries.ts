import type { KubeObject } from '#proto/meta/object.ts';
import type { Entry } from '#server/store/store.ts';

const encoder = new TextEncoder();

/** The JSON of an object, `kind` and `apiVersion` first as upstream writes it. */
export function encodeObject(object: KubeObject): Uint8Array {
  const { kind, apiVersion, metadata, ...rest } = object;
  return encoder.encode(JSON.stringify({ kind, apiVersion, metadata, ...rest }));
}

/** An object that is not in the store: the answer of a dry run, or another version of what is stored. */
export function literalEntry(object: KubeObject, key = '', revision = 0): Entry {
  let bytes: Uint8Array | undefined;
  return {
    key,
    revision,
    object,
    get bytes() {
      bytes ??= encodeObject(object);
      return bytes;
    },
  };
}

/** What `Entry.object` is here: the store does not know kinds. Shared, never mutate. */
export const objectOf = (entry: Entry): KubeObject => entry.object as KubeObject;
