import type { FieldValidation } from '#proto/meta/decode/strict.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { Shape } from '#server/apiserver/apply/shape.ts';

/**
 * What the handlers need to know about the shape of kinds. All functions answer private copies and reject with a
 * `StatusError` (400 for what can't be read, 415 for a media type that nobody reads).
 */
export interface Codec {
  /**
   * One request body as an object of the kind that its `apiVersion` and `kind` name, or of `fallback` where it
   * names none. Unknown and duplicate fields are dropped, warned about or refused, as `validation` says.
   */
  decode(request: {
    readonly bytes: Uint8Array;
    readonly contentType: string;
    readonly fallback: GroupVersionKind;
    readonly validation: FieldValidation;
    readonly warn: (message: string) => void;
  }): KubeObject;
  /** Checks and prunes an object that was made by a patch, as `decode` does with a body. */
  recode(request: {
    readonly object: KubeObject;
    readonly kind: GroupVersionKind;
    readonly validation: FieldValidation;
    readonly warn: (message: string) => void;
  }): KubeObject;
  /** Static defaults of the schema, in place. */
  applyDefaults(object: KubeObject, kind: GroupVersionKind): void;
  /** How objects of the kind merge under server-side apply, and what of them can be owned. */
  shapeOf(kind: GroupVersionKind): Shape;
  /** An object of the kind that nobody has set anything of; shared, never mutate. */
  zeroOf(kind: GroupVersionKind): KubeObject;
  /** The patch body: JSON for all but `apply`, which is YAML or JSON. */
  decodePatch(
    bytes: Uint8Array,
    type: PatchKind,
    validation: FieldValidation,
    warn: (message: string) => void,
  ): unknown;
  jsonPatch(object: KubeObject, patch: unknown): KubeObject;
  mergePatch(object: KubeObject, patch: unknown): KubeObject;
  strategicMergePatch(object: KubeObject, patch: unknown, kind: GroupVersionKind): KubeObject;
}

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply';
