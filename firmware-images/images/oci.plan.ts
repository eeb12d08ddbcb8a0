/**
 * The layout of a container image as one tar file: what `ctr images import` and every OCI tool reads. The same
 * input gives the same bytes, so an image's digest says what is in it. One uncompressed layer: these images are a
 * few kilobytes, and a board need not unzip them.
 */
export type Entry =
  | { readonly path: string; readonly kind: 'directory'; readonly mode?: number }
  | { readonly path: string; readonly kind: 'file'; readonly content: Uint8Array; readonly mode?: number }
  | { readonly path: string; readonly kind: 'symlink'; readonly target: string };

/** Names as in the OCI image specification. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
}

export interface ImageSpec {
  /** Full reference: `coracle.local/hello:1`. */
  readonly name: string;
  /** As Go calls it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly config: ImageConfig;
  /** Parents before children. */
  readonly entries: readonly Entry[];
}

/** Hexadecimal SHA-256; hashing comes in as an argument so that this file stays pure. */
export type Sha256 = (bytes: Uint8Array) => string;

/** The bytes of plain ASCII text: all that these images need, and no platform's encoder. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (character.length > 1 || code > 127) throw new Error(`"${text}" is not plain ASCII`);
    return code;
  });
}

const json = (value: unknown): Uint8Array => ascii(JSON.stringify(value));

/** The bytes of an OCI layout archive with this one image. */
export function planImage(spec: ImageSpec, sha256: Sha256): Uint8Array {
  const layer = planTar(spec.entries);
  const blobs: Entry[] = [];
  const blob = (mediaType: string, content: Uint8Array) => {
    const hex = sha256(content);
    blobs.push({ path: `blobs/sha256/${hex}`, kind: 'file', content });
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const layerBlob = blob('application/vnd.oci.image.layer.v1.tar', layer);
  const configBlob = blob(
    'application/vnd.oci.image.config.v1+json',
    json({
      created: '1970-01-01T00:00:00Z',
      architecture: spec.architecture,
      os: 'linux',
      config: spec.config,
      rootfs: { type: 'layers', diff_ids: [layerBlob.digest] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'coracle' }],
    }),
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = blob(
    mediaType,
    json({ schemaVersion: 2, mediaType, config: configBlob, layers: [layerBlob] }),
  );
  const index = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        ...manifest,
        platform: { os: 'linux', architecture: spec.architecture },
        annotations: {
          'io.containerd.image.name': spec.name,
          'org.opencontainers.image.ref.name': spec.name.slice(spec.name.lastIndexOf(':') + 1),
        },
      },
    ],
  });
  return planTar([
    { path: 'oci-layout', kind: 'file', content: ascii('{"imageLayoutVersion":"1.0.0"}') },
    { path: 'index.json', kind: 'file', content: index },
    { path: 'blobs', kind: 'directory' },
    { path: 'blobs/sha256', kind: 'directory' },
    ...blobs,
  ]);
}

const BLOCK = 512;

/** A POSIX ustar archive, owned by root, dated 1970. */
export function planTar(entries: readonly Entry[]): Uint8Array {
  const parts = entries.flatMap((entry) => {
    const content = entry.kind === 'file' ? entry.content : new Uint8Array();
    const padding = new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK);
    return [header(entry, content.length), content, padding];
  });
  parts.push(new Uint8Array(2 * BLOCK));
  const archive = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
}

function header(entry: Entry, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string, room: number) => {
    const bytes = ascii(text);
    if (bytes.length > room) throw new Error(`"${text}" does not fit a tar header`);
    block.set(bytes, at);
  };
  const octal = (at: number, value: number, digits: number) =>
    put(at, value.toString(8).padStart(digits, '0'), digits);
  const type = { file: '0', symlink: '2', directory: '5' }[entry.kind];
  const mode =
    entry.kind === 'symlink' ? 0o777 : (entry.mode ?? (entry.kind === 'directory' ? 0o755 : 0o644));
  put(0, entry.kind === 'directory' ? `${entry.path}/` : entry.path, 100);
  octal(100, mode, 7);
  octal(108, 0, 7);
  octal(116, 0, 7);
  octal(124, size, 11);
  octal(136, 0, 11);
  put(148, '        ', 8);
  put(156, type, 1);
  if (entry.kind === 'symlink') put(157, entry.target, 100);
  put(257, 'ustar\u000000', 8);
  octal(
    148,
    block.reduce((sum, byte) => sum + byte, 0),
    6,
  );
  put(154, '\u0000 ', 2);
  return block;
}
