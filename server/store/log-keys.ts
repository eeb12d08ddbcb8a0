/** Objects lie under this prefix, each once, under its own key. */
export const DATA = 'd';

/** The few values that are not objects. */
export const META = {
  /** Revisions up to this one may have been used. */
  reserved: 'm/reserved',
} as const;

export const metaValue = (value: number): Uint8Array => new TextEncoder().encode(String(value));

export const parseMeta = (value: Uint8Array | undefined): number | undefined =>
  value && Number(new TextDecoder().decode(value));
