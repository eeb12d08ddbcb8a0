import { isAbsolute, resolve } from 'node:path';
import { S3Target } from './s3-target.ts';
import { type BackupTarget, FolderTarget } from './targets.ts';

export interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string | undefined;
  readonly secretAccessKey: string | undefined;
  readonly ca?: string | undefined;
}

export const isBucket = (place: string): boolean => place.startsWith('s3://');

/** A folder, or a bucket as `s3://BUCKET/PREFIX`. Throws where a bucket can't be reached with what is given. */
export function openTarget(place: string, access: S3Access): BackupTarget {
  if (!isBucket(place)) return new FolderTarget(isAbsolute(place) ? place : resolve(place));
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/.exec(place) ?? [];
  const { endpoint, region, accessKeyId, secretAccessKey, ca } = access;
  if (!bucket) throw new Error(`${place} names no bucket: s3://BUCKET or s3://BUCKET/PREFIX`);
  if (!accessKeyId || !secretAccessKey) throw new Error(`${place} needs an access key and its secret`);
  if (!URL.canParse(endpoint)) throw new Error(`${place} needs an endpoint such as https://minio.home:9000`);
  return new S3Target({ endpoint, region, bucket, prefix, accessKeyId, secretAccessKey, ca });
}
