/** Builds every substitute into a cache of blobs, and says which blob each name and digest stands for. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hostArchitecture } from '#firmware/images/build-images.ts';
import {
  type Descriptor,
  imageConfig,
  imageManifest,
  LAYERS,
  type LayerName,
  MANIFEST,
  parseReference,
  RECIPES,
} from './catalog.plan.ts';
import { layerKey, makeLayer } from './layers.ts';

/** What a registry serves: a blob is in memory or in a file. */
export interface ImageStore {
  /** By digest. */
  readonly blobs: ReadonlyMap<string, { readonly size: number; readonly content: Uint8Array | string }>;
  /** By `repository:tag` and by `repository@digest`. */
  readonly manifests: ReadonlyMap<string, { readonly digest: string; readonly content: Uint8Array }>;
  /** Registries whose names the images carry. */
  readonly registries: readonly string[];
}

export async function buildTestImages(cache: string, log: (line: string) => void): Promise<ImageStore> {
  await mkdir(cache, { recursive: true });
  const blobs = new Map<string, { size: number; content: Uint8Array | string }>();
  const manifests = new Map<string, { digest: string; content: Uint8Array }>();
  const registries = new Set<string>();
  const layers = new Map<LayerName, Descriptor>();
  for (const name of new Set(RECIPES.flatMap((recipe) => recipe.layers))) {
    const key = await layerKey(LAYERS[name]);
    log(`image layer ${name}`);
    const layer = await makeLayer(cache, LAYERS[name], key);
    layers.set(name, layer);
    blobs.set(layer.digest, { size: layer.size, content: join(cache, 'layers', key) });
  }
  const describe = (mediaType: string, value: unknown): Descriptor & { content: Uint8Array } => {
    const content = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    return { mediaType, digest, size: content.length, content };
  };
  for (const recipe of RECIPES) {
    const stack = recipe.layers.flatMap((name) => layers.get(name) ?? []);
    const { content, ...config } = describe(
      'application/vnd.oci.image.config.v1+json',
      imageConfig(
        hostArchitecture(),
        recipe.config,
        stack.map((layer) => layer.digest),
      ),
    );
    blobs.set(config.digest, { size: config.size, content });
    const manifest = describe(MANIFEST, imageManifest(config, stack));
    for (const name of recipe.names) {
      const { registry, repository, tag } = parseReference(name);
      registries.add(registry);
      manifests.set(`${repository}:${tag}`, manifest);
      manifests.set(`${repository}@${manifest.digest}`, manifest);
    }
  }
  return { blobs, manifests, registries: [...registries] };
}
