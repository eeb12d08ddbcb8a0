import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { schema } from '#proto/schema/schema.ts';
import { descriptionsFile, VERSION_FILE } from '#server/apiserver/openapi/descriptions.ts';

/**
 * A step of the build: takes the texts of `kubectl explain` out of the declarations of the official
 * JavaScript client, a development dependency, and writes them to `folder`, one compressed file a package.
 */
export async function buildDescriptions(folder: string, packageIds: readonly string[]): Promise<void> {
  const models = join(
    dirname(createRequire(import.meta.url).resolve('@kubernetes/client-node')),
    'gen/models',
  );
  const files = new Set(await readdir(models));
  const hash = createHash('sha256');
  await mkdir(folder, { recursive: true });
  for (const id of packageIds) {
    const texts: Record<string, Record<string, string>> = {};
    for (const messageId of schema.messageIds(id)) {
      const message = schema.message(messageId);
      const file = classNames(id, message.name).find((name) => files.has(`${name}.d.ts`));
      if (!file) continue;
      const found = readTexts(await readFile(join(models, `${file}.d.ts`), 'utf8'));
      const own: Record<string, string> = {};
      for (const key of ['', ...message.properties.keys()]) {
        const text = found.get(plain(key));
        if (text) own[key] = text;
      }
      texts[message.name] = own;
    }
    const json = JSON.stringify(texts);
    hash.update(json);
    await writeFile(join(folder, descriptionsFile(id)), gzipSync(json, { level: 9 }));
  }
  await writeFile(join(folder, VERSION_FILE), `${hash.digest('hex').slice(0, 16)}\n`);
}

/** `core/v1.Event` is CoreV1Event where the client needs to tell, else V1Event. */
function classNames(packageId: string, name: string): string[] {
  const [group = '', version = ''] = packageId
    .split('/')
    .map((part) => part[0]?.toUpperCase() + part.slice(1));
  return [`${group}${version}${name}`, `${version}${name}`];
}

/** Names as the client mangles them: `_continue`, `xKubernetesListType`. */
const plain = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '').toLowerCase();

const DECLARATION = /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*(?:export declare class|'([^']+)'\??:)/g;

/** The comment before the class, under `''`, and those before its properties. */
function readTexts(source: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [, comment = '', property = ''] of source.matchAll(DECLARATION)) {
    const text = comment
      .split('\n')
      .map((line) => line.replace(/^\s*\*\s?/, ''))
      .join(' ')
      .replace(/\\(["'`])/g, '$1')
      .trim();
    texts.set(plain(property), text);
  }
  return texts;
}
