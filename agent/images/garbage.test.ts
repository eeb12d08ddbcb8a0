import { describe, expect, it } from 'vitest';
import { aSample } from '#agent/node/fixtures.ts';
import { aContainer, aPod } from '#agent/pod/fixtures.ts';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import type { Image } from '#agent/runtime/runtime.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { bytesToFree, imagesInUse, planGarbage, recordImages, shortfallMessage } from './garbage.plan.ts';
import { ImageGarbage } from './garbage.ts';

const policy = { highPercent: 85, lowPercent: 80, minAgeMs: 120_000 };
const image = (name: string, over: Partial<Image> = {}): Image => ({
  id: `sha256:${name}`,
  tags: [`docker.io/library/${name}:1`],
  digests: [`docker.io/library/${name}@sha256:${'0'.repeat(64)}`],
  sizeBytes: 10,
  uid: undefined,
  username: '',
  pinned: false,
  ...over,
});

describe('what is in use', () => {
  const images = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) =>
    image(name, { pinned: name === 'f' }),
  );
  const pod = aPod({
    initContainers: [aContainer({ name: 'init', image: 'a:1' })],
    containers: [aContainer({ image: `docker.io/library/b@sha256:${'0'.repeat(64)}` })],
    volumes: [{ name: 'v', image: { reference: 'c:1' } }],
    ephemeralContainers: [{ name: 'debug', image: 'docker.io/d:1' }],
  });
  it('is what containers have, what Pods name, what is pinned, and what came with Coracle', () => {
    const inUse = imagesInUse({ images, ofContainers: new Set(['sha256:e']), pods: [pod], kept: ['g:1'] });
    expect([...inUse]).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `sha256:${name}`));
  });
});

describe('what goes', () => {
  const images = ['used', 'old', 'older', 'new'].map((name) => image(name));
  const inUse = new Set(['sha256:used']);
  let records = recordImages(new Map(), images.slice(0, 3), inUse, 0);
  records = recordImages(records, images.slice(0, 3), new Set([...inUse, 'sha256:old']), 300_000);
  records = recordImages(records, images, inUse, 600_000);
  it.each([
    ['nothing', 0, []],
    ['the longest unused', 10, ['older']],
    ['one more where that is too small', 11, ['older', 'old']],
    ['all but what is in use and what is new', Number.POSITIVE_INFINITY, ['older', 'old']],
  ])('%s', (_what, bytes, names) => {
    const going = planGarbage({ images, inUse, records, policy, now: 600_000, bytes });
    expect(going.map(({ id }) => id)).toEqual(names.map((name) => `sha256:${name}`));
  });

  it.each([
    [16, 0],
    [15, 5],
    [2, 18],
  ])('with %d percent of the disk left, %d are to come free', (availableBytes, bytes) => {
    expect(bytesToFree({ totalBytes: 100, availableBytes }, policy)).toBe(bytes);
  });

  it('says so when it is not enough', () => {
    const disk = { totalBytes: 32 * 1024 ** 3, availableBytes: 1024 ** 3 };
    expect(shortfallMessage(disk, 7)).toBe(
      "Insufficient free disk space on the node's image filesystem (97% of 32.0 GiB used). Failed to free sufficient space " +
        'by deleting unused images (freed 7 bytes). Investigate disk usage, as it could be used by active images, logs, ' +
        'volumes, or other data.',
    );
  });
});

describe('a disk that gets full', () => {
  const full = (uptimeSeconds: number) =>
    aSample({ uptimeSeconds, disk: { totalBytes: 100, availableBytes: 5, inodes: 0, freeInodes: 0 } });
  it('loses unused images, looked at every five minutes, and only those', async () => {
    const pods: Pod[] = [aPod({ containers: [aContainer({ image: 'wanted:1' })] })];
    const runtime = new FakeRuntime();
    for (const name of ['wanted', 'unused']) runtime.addImage(name, image(name));
    const events: string[] = [];
    const garbage = new ImageGarbage({
      runtime,
      policy,
      pods: () => pods,
      kept: () => [],
      event: (_type, reason) => events.push(reason),
      log: silent,
    });
    const left = async () => (await runtime.listImages()).map(({ id }) => id);
    await garbage.observe(full(0));
    expect(await left()).toHaveLength(2);
    await garbage.observe(full(299));
    expect(await left()).toHaveLength(2);
    await garbage.observe(full(300));
    expect(await left()).toEqual(['sha256:wanted']);
    expect(events).toEqual(['FreeDiskSpaceFailed', 'FreeDiskSpaceFailed']);
    pods.pop();
    await garbage.collectAll(full(301));
    expect(await left()).toEqual([]);
  });
});
