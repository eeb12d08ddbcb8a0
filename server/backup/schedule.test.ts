import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { createMemoryStore } from '#server/store/open.ts';
import { readArchive } from './archive.ts';
import { openTarget } from './place.ts';
import { backUp, runBackups } from './schedule.ts';
import { unseal } from './seal.ts';
import { type BackupTarget, FolderTarget } from './targets.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'backups-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const NIGHT = Date.UTC(2026, 10, 29, 2, 0);
const optionsFor = (target: BackupTarget, clock: FakeClock, passphrase?: string) => {
  const failures: (string | undefined)[] = [];
  const source = {
    store: createMemoryStore(),
    pkiDirectory: mkdtempSync(join(directory, 'pki-')),
    caHash: 'sha256:1',
    nodeName: 'pi',
    now: () => clock.now(),
  };
  const done = (failure: string | undefined) => void failures.push(failure);
  return {
    source,
    target: async () => ({ target, passphrase }),
    keep: 2,
    clock,
    log: silent,
    done,
    failures,
  };
};

describe('backups on a schedule', () => {
  it('are made when they are due, and the oldest go', async () => {
    const clock = new FakeClock(NIGHT);
    const folder = join(directory, 'to');
    const options = optionsFor(new FolderTarget(folder), clock, 'pass');
    const stop = new AbortController();
    const running = runBackups({ ...options, cron: '30 * * * *' }, stop.signal);
    for (let made = 1; made <= 3; made++) {
      await clock.advance(60 * 60_000);
      await expect.poll(() => options.failures.length, { interval: 5 }).toBe(made);
      await expect.poll(() => clock.sleeping, { interval: 5 }).toBe(1);
    }
    expect(readdirSync(folder).sort()).toEqual([
      'coracle-pi-20261129T033000Z.backup',
      'coracle-pi-20261129T043000Z.backup',
    ]);
    const [name = ''] = readdirSync(folder);
    const items = await collect(readArchive(unseal(new FolderTarget(folder).get(name), 'pass')));
    expect(items).toMatchObject([{ header: { server: 'pi' } }]);
    stop.abort();
    await running;
  });

  it('are tried again soon after one that failed', async () => {
    const clock = new FakeClock(NIGHT);
    const broken: BackupTarget = {
      place: 'nowhere',
      put: () => Promise.reject(new Error('no route to host')),
      get: () => new FolderTarget(directory).get(''),
      list: async () => [],
      remove: async () => {},
    };
    const options = optionsFor(broken, clock);
    const stop = new AbortController();
    const running = runBackups({ ...options, cron: '30 2 * * *' }, stop.signal);
    await clock.advance(30 * 60_000);
    await expect.poll(() => options.failures, { interval: 5 }).toEqual(['no route to host']);
    await expect.poll(() => clock.sleeping, { interval: 5 }).toBe(1);
    await clock.advance(15 * 60_000);
    await expect.poll(() => options.failures.length, { interval: 5 }).toBe(2);
    stop.abort();
    await running;
  });
});

describe('a bucket', () => {
  const SECRET = 'secret/with+signs';
  const objects = new Map<string, Buffer>();
  const server = createServer((request, response) => void answer(request, response));
  let endpoint: string;
  beforeEach(async () => {
    objects.clear();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  /** Signature Version 4, as the specification of S3 has it: what a store does to know who asks. */
  function isSigned(request: IncomingMessage, body: Buffer): boolean {
    const header = (name: string): string => String(request.headers[name] ?? '');
    const [, date = '', region = '', signed = '', signature = ''] =
      /Credential=key\/(\d+)\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)/.exec(
        header('authorization'),
      ) ?? [];
    const url = new URL(request.url ?? '', endpoint);
    const query = [...url.searchParams]
      .map((pair) => pair.map(encodeURIComponent).join('='))
      .sort()
      .join('&');
    const hash = createHash('sha256').update(body).digest('hex');
    const canonical = [
      request.method,
      url.pathname,
      query,
      ...signed.split(';').map((name) => `${name}:${header(name)}`),
      '',
      signed,
      hash,
    ].join('\n');
    const scope = `${date}/${region}/s3/aws4_request`;
    const digest = createHash('sha256').update(canonical).digest('hex');
    const text = ['AWS4-HMAC-SHA256', header('x-amz-date'), scope, digest].join('\n');
    const mac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
    const key = ['s3', 'aws4_request'].reduce(mac, mac(mac(`AWS4${SECRET}`, date), region));
    return header('x-amz-content-sha256') === hash && mac(key, text).toString('hex') === signature;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const url = new URL(request.url ?? '', endpoint);
    const name = decodeURIComponent(url.pathname).replace('/bucket/', '');
    if (!isSigned(request, body)) {
      response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>');
    } else if (request.method === 'PUT') {
      objects.set(name, body);
      response.end();
    } else if (request.method === 'DELETE') {
      objects.delete(name);
      response.writeHead(204).end();
    } else if (url.pathname === '/bucket') {
      // One key a page: the rest is asked for with a token.
      const prefix = url.searchParams.get('prefix') ?? '';
      const after = url.searchParams.get('continuation-token') ?? '';
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      const [first, second] = keys;
      const next = second ? `<NextContinuationToken>${first}</NextContinuationToken>` : '';
      const contents = first ? `<Contents><Key>${first.replace('&', '&amp;')}</Key></Contents>` : '';
      response.end(`<ListBucketResult>${contents}${next}</ListBucketResult>`);
    } else {
      response.end(objects.get(name));
    }
  }

  const target = (secretAccessKey = SECRET): BackupTarget =>
    openTarget('s3://bucket/home & lab/', { endpoint, region: 'eu', accessKeyId: 'key', secretAccessKey });

  it('takes, lists, gives and forgets backups', async () => {
    const clock = new FakeClock(NIGHT);
    const options = optionsFor(target(), clock);
    for (let made = 0; made < 3; made++) {
      expect(await backUp(options)).toBe(true);
      await clock.advance(60_000);
    }
    const names = ['coracle-pi-20261129T020100Z.backup', 'coracle-pi-20261129T020200Z.backup'];
    expect([...objects.keys()]).toEqual(names.map((name) => `home & lab/${name}`));
    expect(await target().list()).toEqual(names);
    expect(await collect(readArchive(target().get(names[0] ?? '')))).toHaveLength(1);
  });

  it('tells in its own words why it does not take one', async () => {
    const options = optionsFor(target('wrong'), new FakeClock(NIGHT));
    expect(await backUp(options)).toBe(false);
    expect(options.failures[0]).toMatch(/PUT .*: 403 SignatureDoesNotMatch no/);
    expect(() => openTarget('s3://bucket', { endpoint, region: 'eu' } as never)).toThrow(/access key/);
  });
});
