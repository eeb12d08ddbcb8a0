/** What a release consists of, and the page that says so: `manifest.json`, signed. */

export interface ReleasedFile {
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface Manifest {
  readonly name: 'coracle';
  readonly version: string;
  readonly kubernetes: string;
  /** RFC 3339: of the newest source, so that the same sources make the same release. */
  readonly createdAt: string;
  readonly files: readonly ReleasedFile[];
}

export const archiveName = (version: string, arch: 'amd64' | 'arm64'): string =>
  `coracle-${version}-linux-${arch}.tar.gz`;

/** In the form that `sha256sum --check` reads. */
export const checksums = (files: readonly ReleasedFile[]): string =>
  files.map(({ sha256, name }) => `${sha256}  ${name}\n`).join('');

/** Stable: files by name, two spaces, a newline at the end. The signature is of these bytes. */
export function manifestText(manifest: Manifest): string {
  const files = [...manifest.files].sort((a, b) => (a.name < b.name ? -1 : 1));
  return `${JSON.stringify({ ...manifest, files }, null, 2)}\n`;
}
