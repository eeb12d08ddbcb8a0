import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The release whose types proto/schema/generated holds. */
const MODULE = 'k8s.io/api@v0.36.6';

export interface GoldenObject {
  readonly name: string;
  readonly json: string;
  readonly protobuf: Uint8Array;
}

/**
 * Upstream's own pairs of JSON and protobuf, one a kind. They come from the published Go module by the go
 * tool, once, and stay in .cache.
 */
export function goldenObjects(): GoldenObject[] {
  const folder = fileURLToPath(
    new URL(`../../.cache/golden/${MODULE.replaceAll('/', '-')}/`, import.meta.url),
  );
  if (!existsSync(folder)) obtain(folder);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json') && existsSync(`${folder}${file.slice(0, -5)}.pb`))
    .map((file) => ({
      name: file.slice(0, -5),
      json: readFileSync(folder + file, 'utf8'),
      protobuf: new Uint8Array(readFileSync(`${folder}${file.slice(0, -5)}.pb`)),
    }));
}

function obtain(folder: string): void {
  const { status, stdout, stderr, error } = spawnSync('go', ['mod', 'download', '-json', MODULE], {
    encoding: 'utf8',
  });
  if (error || status !== 0)
    throw new Error(`go mod download ${MODULE}: ${error?.message ?? stderr + stdout}`);
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  const partial = `${folder.replace(/\/$/, '')}.partial`;
  mkdirSync(partial, { recursive: true });
  cpSync(`${Dir}/testdata/HEAD`, partial, { recursive: true });
  renameSync(partial, folder);
}
