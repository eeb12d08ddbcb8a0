import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { IMAGES, planBusyboxImage } from './catalog.plan.ts';
import { planImage, planTar } from './oci.plan.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const bytes = (text: string) => new TextEncoder().encode(text);
const tar = (archive: Uint8Array, ...args: string[]) =>
  execFileSync('tar', [...args], { input: archive, encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } });

describe('planTar', () => {
  it('writes what tar reads: modes, kinds, content across block borders', () => {
    const archive = planTar([
      { path: 'tmp', kind: 'directory', mode: 0o1777 },
      { path: 'tmp/program', kind: 'file', content: bytes('x'.repeat(513)), mode: 0o755 },
      { path: 'link', kind: 'symlink', target: 'tmp/program' },
    ]);
    const lines = tar(archive, '-tvf', '-').trim().split('\n');
    expect(lines.map((line) => line.replace(/\s+/g, ' '))).toEqual([
      'drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/',
      '-rwxr-xr-x 0/0 513 1970-01-01 00:00 tmp/program',
      'lrwxrwxrwx 0/0 0 1970-01-01 00:00 link -> tmp/program',
    ]);
    expect(tar(archive, '-xOf', '-', 'tmp/program')).toHaveLength(513);
  });

  it('refuses a name that a header cannot hold', () => {
    expect(() => planTar([{ path: 'x'.repeat(101), kind: 'file', content: bytes('') }])).toThrow(
      'does not fit',
    );
  });
});

describe('planImage', () => {
  const hello = IMAGES[1]!.spec(bytes('program'), 'arm64');

  it('names every blob by its digest, and the image by its annotation', () => {
    const archive = planImage(hello, sha256);
    const read = (path: string) => tar(archive, '-xOf', '-', path);
    const index = JSON.parse(read('index.json'));
    expect(index.manifests[0].annotations['io.containerd.image.name']).toBe('coracle.local/hello:1');
    const blob = (digest: string) => {
      const content = read(`blobs/${digest.replace(':', '/')}`);
      expect(`sha256:${sha256(bytes(content))}`).toBe(digest);
      return content;
    };
    const manifest = JSON.parse(blob(index.manifests[0].digest));
    const config = JSON.parse(blob(manifest.config.digest));
    expect(config.architecture).toBe('arm64');
    expect(config.rootfs.diff_ids).toEqual([manifest.layers[0].digest]);
    expect(blob(manifest.layers[0].digest)).toContain('program');
  });

  it('is reproducible', () => {
    expect(sha256(planImage(hello, sha256))).toBe(sha256(planImage(hello, sha256)));
  });

  it('links every applet of busybox but busybox itself', () => {
    const spec = planBusyboxImage(bytes('bb'), ['busybox', 'sh'], 'amd64');
    const links = spec.entries.flatMap((entry) => (entry.kind === 'symlink' ? [entry.path] : []));
    expect(links).toEqual(['bin/sh', 'sbin', 'usr/bin']);
  });
});
