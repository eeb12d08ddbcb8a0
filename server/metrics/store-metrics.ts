import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Resource } from '#proto/api/resource.ts';
import { type Family, family } from '#proto/metrics/exposition.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import type { Store } from '#server/store/store.ts';

/** How many objects of each kind there are, and what they take on the card. */
export async function storeFamilies(
  store: Store,
  resources: readonly Resource[],
  directory: string,
): Promise<readonly Family[]> {
  const bytes = await sizeOf(directory);
  const stored = resources.filter(({ verbs }) => verbs.includes('create') && verbs.includes('list'));
  const kinds = new Map(stored.map((resource) => [`${resource.group}/${resource.plural}`, resource]));
  return [
    family('apiserver_storage_objects', 'gauge', 'Objects in the store.', ['resource'], function* () {
      for (const { group, plural } of kinds.values()) {
        const { entries, remaining } = store.range({ prefix: prefixOf({ group, plural }), limit: 1 });
        yield [[group ? `${plural}.${group}` : plural], entries.length + remaining];
      }
    }),
    family(
      'apiserver_storage_size_bytes',
      'gauge',
      'Bytes of the store on the card.',
      ['storage_cluster_id'],
      () => [[['local'], bytes]],
    ),
    family('coracle_store_revision', 'gauge', 'The newest revision of the store.', [], () => [
      [[], store.revision],
    ]),
  ];
}

async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        (file) => file.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
