import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

/** By message name, then by field name; the message's own text is under `''`. */
export type PackageDescriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Where the texts of `kubectl explain` come from. */
export interface Descriptions {
  /** Changes whenever a text does, because clients keep documents by their hash. */
  readonly version: string;
  /** The texts of one package (`core/v1`); nothing where there are none. */
  of(packageId: string): Promise<PackageDescriptions>;
}

/** Documents without any text: what runs from source has. */
export const noDescriptions: Descriptions = { version: '', of: async () => ({}) };

/** The file of a package in the folder that the build writes. */
export const descriptionsFile = (packageId: string): string => `${packageId.replace('/', '-')}.json.gz`;

export const VERSION_FILE = 'version';

/**
 * Reads texts from the folder that the build wrote, a package at a time and only when asked, so that they
 * take no memory while nobody explains. Without the folder there are none.
 */
export async function openDescriptions(folder: string): Promise<Descriptions> {
  const version = await readFile(join(folder, VERSION_FILE), 'utf8').catch(() => undefined);
  if (version === undefined) return noDescriptions;
  return {
    version: version.trim(),
    of: async (packageId) => {
      const bytes = await readFile(join(folder, descriptionsFile(packageId))).catch(() => undefined);
      return bytes
        ? (JSON.parse((await promisify(gunzip)(bytes)).toString('utf8')) as PackageDescriptions)
        : {};
    },
  };
}
