/** Both ends of the link over real gRPC and TLS: joining, desired state, API calls, streams, and what must be refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DesiredStore } from '#agent/link/desired-store.ts';
import { type Identity, IdentityStore } from '#agent/link/identity.ts';
import { connectLink, joinCluster, renewCertificate } from '#agent/link/join.ts';
import { Seal } from '#agent/link/seal.ts';
import { Link } from '#agent/link/session.ts';
import { asBytes } from '#proto/agent/byte-stream.ts';
import { formatJoinToken } from '#proto/agent/join-token.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';
import { Boards } from '#server/nodes/boards.ts';
import type { FeedSource } from '#server/nodes/feed.ts';
import { identitySecret } from '#server/nodes/identity-secret.ts';
import { createBoardCertificates } from '#server/nodes/join.ts';
import { LinkServer } from '#server/nodes/link-server.ts';
import { NodeIdentities } from '#server/nodes/node-identities.ts';
import { openPki, type Pki } from '#server/pki/pki.ts';
import { eventually } from '../support/boards/eventually.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const aPod = (name: string, nodeName = 'pi'): Pod => ({
  metadata: { namespace: 'default', name, uid: name },
  spec: { nodeName, containers: [{ name: 'app', image: 'x' }] },
});

let folder: string;
let pki: Pki;
let boards: Boards;
let server: LinkServer;
let port = 0;
let stop: AbortController;
let objects: Map<string, KubeObject>;
let listeners: Set<Parameters<FeedSource['onChange']>[0]>;
let calls: Parameters<Dispatch>[0][];
let known: ReturnType<typeof aCluster>;
let identities: NodeIdentities;

const source: FeedSource = {
  get: (plural, key) => objects.get(`${plural}/${key}`),
  list: (plural) => [...objects].filter(([fed]) => fed.startsWith(`${plural}/`)).map(([, object]) => object),
  podsOf: (node) => ([...source.list('pods')] as Pod[]).filter((pod) => pod.spec.nodeName === node),
  neededBy: () => [],
  onChange: (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

function put(pod: Pod): void {
  objects.set(`pods/${keyOf(pod)}`, pod);
  for (const listener of listeners) listener('pods', keyOf(pod), pod.spec.nodeName);
}

const dispatch: Dispatch = async (request) => {
  calls.push(request);
  const code = request.path === '/missing' ? 404 : 200;
  const answer = code === 404 ? { reason: 'NotFound', message: 'gone', code } : { user: request.user.name };
  return { code, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)) };
};

async function startServer(onPort = 0): Promise<void> {
  boards = new Boards();
  server = new LinkServer({
    listen: { host: '127.0.0.1', port: onPort },
    ca: pki.ca.cert,
    serving: { ...pki.serving, cert: `${pki.serving.cert}${pki.ca.cert}` },
    caDer: pki.ca.der,
    boards,
    source,
    dispatch,
    certificates: createBoardCertificates({
      issuer: pki.ca.issuer,
      reader: known.reader,
      joinTokens: [TOKEN],
      isLive: (name) => boards.get(name) !== undefined,
      identities,
      record: async (identity) => void (await known.put(secrets, identitySecret(identity))),
      onTaken: () => {},
      clock: systemClock,
    }),
    gate: identities,
    network: {
      clusterDns: '10.43.0.10',
      dnsElsewhere: false,
      clusterDomain: 'cluster.local',
      serviceCidr: '',
      clusterCidr: '',
      network: 'auto',
      tunnelPort: 0,
    },
    usage: { intervalMs: 1000, record: () => {} },
    version: 'test',
    now: Date.now,
    log: silent,
  });
  port = await server.listen();
}

const link = (): { host: string; port: number } => ({ host: '127.0.0.1', port });
const pin = (): string => pki.caHash.replace('sha256:', '');
const identityStore = (name: string): IdentityStore => new IdentityStore(join(folder, name, 'pki'), name);
const joined = (
  name: string,
  token = formatJoinToken({ token: TOKEN, caPin: pin() }),
  store = identityStore(name),
): Promise<Identity> =>
  joinCluster({ link: link(), token, nodeName: name, hardware: `hardware of ${name}`, store });
const setRevoked = (name: string, revokedMs: number | undefined): Promise<unknown> => {
  const identity = identities.get(name);
  if (!identity) throw new Error(`${name} is not on record`);
  return known.put(secrets, identitySecret({ ...identity, revokedMs }));
};

/** A board's end, running until the test ends. */
function board(identity: Identity, name = 'pi', onStream: (bytes: Duplex) => void = () => {}) {
  const seal = new Seal(join(folder, name, 'sealing.key'), '');
  const desired = DesiredStore.open({
    folder: join(folder, name, 'desired'),
    nodeName: name,
    seal,
    log: silent,
  });
  const session = new Link({
    connect: () => connectLink(link(), identity.ca, identity),
    nodeName: name,
    bootId: `${Math.random()}`,
    version: 'test',
    hardware: `hardware of ${name}`,
    desired,
    onOpenStream: (request, client) => {
      const call = client.stream();
      call.write({ streamId: request.streamId, data: new Uint8Array(), end: false, error: '' });
      onStream(asBytes(call));
    },
    onWelcome: () => {},
    clock: systemClock,
    random: () => 0.05,
    log: silent,
  });
  void session.run(stop.signal);
  return { desired, session };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coracle-link-'));
  const names = { clusterDomain: 'cluster.local', serviceIp: '10.43.0.1', advertiseAddress: '127.0.0.1' };
  pki = openPki(join(folder, 'server'), { ...names, tlsSans: [], nodeName: 'server', now: Date.now });
  stop = new AbortController();
  objects = new Map();
  listeners = new Set();
  calls = [];
  known = aCluster();
  identities = new NodeIdentities(known.reader);
  await startServer();
});
afterEach(() => {
  stop.abort();
  server.close();
  rmSync(folder, { recursive: true });
});

describe('joining', () => {
  it('gives a certificate for the right token, and the next one over the link itself', async () => {
    const identity = await joined('pi');
    expect(identityStore('pi').load()).toEqual(identity);
    const client = connectLink(link(), identity.ca, identity);
    const next = await renewCertificate(client, { nodeName: 'pi', hardware: '' }, identityStore('pi'));
    client.close();
    expect(next.certificate).not.toBe(identity.certificate);
  });

  it('needs no pin where both sides were given the token, and believes no server that lacks it', async () => {
    const identity = await joined('pi', TOKEN);
    expect(identity.ca.trim()).toBe(pki.ca.cert.trim());
    await expect(joined('other', 'abcdef.ffffffffffffffff')).rejects.toThrow(/does not know this token/);
    await expect(joined('other', 'zzzzzz.0123456789abcdef')).rejects.toThrow(/join token is wrong/);
  });

  it('is refused with a wrong token, with a word and no pin, and to a server of another cluster', async () => {
    await expect(
      joined('pi', formatJoinToken({ token: 'abcdef.ffffffffffffffff', caPin: pin() })),
    ).rejects.toThrow(/join token is wrong/);
    await expect(joined('pi', 'word')).rejects.toThrow(/no pin/);
    await expect(joined('pi', formatJoinToken({ token: TOKEN, caPin: '0'.repeat(64) }))).rejects.toThrow(
      /another cluster/,
    );
  });

  it('does not renew for a name that is not the board’s own', async () => {
    const identity = await joined('pi');
    const client = connectLink(link(), identity.ca, identity);
    await expect(
      renewCertificate(client, { nodeName: 'other', hardware: '' }, identityStore('other')),
    ).rejects.toThrow();
    client.close();
  });
});

describe('a board that is shut out', () => {
  it('loses its session and its streams at once, and gets neither back, nor a certificate', async () => {
    const identity = await joined('pi');
    const { session } = board(identity, 'pi', (bytes) => bytes.on('error', () => {}).pipe(bytes));
    await eventually(() => session.connected);
    const about = { namespace: 'default', pod: 'p', uid: 'u', container: 'c', query: '', method: 'GET' };
    const stream = await boards.openStream('pi', { kind: 'exec', headers: [], ...about });
    const broken = new Promise((resolve) => stream.once('close', resolve).once('error', resolve));
    await setRevoked('pi', 1);
    expect(boards.names()).toEqual([]);
    await eventually(() => !session.connected);
    await broken;
    const client = connectLink(link(), identity.ca, identity);
    const refusal = await new Promise<Error>((resolve) => client.session().on('error', resolve));
    expect(refusal.message).toMatch(/PERMISSION_DENIED: node "pi" was revoked/);
    const renewing = renewCertificate(client, { nodeName: 'pi', hardware: '' }, identityStore('pi'));
    await expect(renewing).rejects.toThrow(/revoked/);
    client.close();
    await expect(joined('pi')).rejects.toThrow(/revoked/);
    await setRevoked('pi', undefined);
    await eventually(() => session.connected);
  });

  it('is the one that had the name, when the same hardware comes with another key', async () => {
    const before = await joined('pi');
    const { session } = board(before);
    await eventually(() => session.connected);
    const flashed = new IdentityStore(join(folder, 'flashed', 'pki'), 'pi');
    await expect(joined('pi', undefined, flashed)).rejects.toThrow(/still connected/);
    stop.abort();
    await eventually(() => boards.names().length === 0);
    stop = new AbortController();
    const after = await joined('pi', undefined, flashed);
    const old = connectLink(link(), before.ca, before);
    const refusal = await new Promise<Error>((resolve) => old.session().on('error', resolve));
    expect(refusal.message).toMatch(/UNAUTHENTICATED: the name of node "pi" was given to another key/);
    old.close();
    const again = board(after);
    await eventually(() => again.session.connected);
  });

  it('gets in again with its key alone when its certificate has ended', async () => {
    await joined('pi');
    const { rejoin } = await import('#agent/link/rejoin.ts');
    const store = identityStore('pi');
    const fresh = await rejoin({ link: link(), token: '', nodeName: 'pi', hardware: '', store }, silent);
    const { session } = board(fresh as Identity);
    await eventually(() => session.connected);
  });
});

describe('a session', () => {
  it('brings desired state to the disk, and after a restart only what differs', async () => {
    put(aPod('one'));
    const identity = await joined('pi');
    const first = board(identity);
    await eventually(() => first.desired.complete && first.desired.pods().length === 1);
    put(aPod('two'));
    await eventually(() => first.desired.pods().length === 2);
    await eventually(() => boards.get('pi')?.unacknowledged === 0);

    server.close();
    await eventually(() => !first.session.connected);
    objects.delete('pods/default/one');
    const heard: string[] = [];
    first.desired.onChange((_plural, key) => heard.push(key));
    await startServer(port);
    await eventually(() => first.desired.pods().length === 1, { timeoutMs: 20_000 });
    expect(heard).toEqual(['default/one']);
  });

  it('runs API calls as the node, and hands errors back as they are', async () => {
    const { session } = board(await joined('pi'));
    await eventually(() => session.connected);
    expect(await session.api('POST', '/api/v1/events', { a: 1 })).toEqual({ user: 'system:node:pi' });
    expect(calls[0]).toMatchObject({ method: 'POST', contentType: 'application/json' });
    expect(calls[0]?.user.groups).toContain('system:nodes');
    await expect(session.api('GET', '/missing')).rejects.toMatchObject({ code: 404, reason: 'NotFound' });
    server.close();
    await eventually(() => !session.connected);
    await expect(session.api('GET', '/x')).rejects.toMatchObject({ code: 503 });
  });

  it('opens streams that the server asks for', async () => {
    const { session } = board(await joined('pi'), 'pi', (bytes) => bytes.pipe(bytes));
    await eventually(() => session.connected);
    const about = { namespace: 'default', pod: 'p', uid: 'u', container: 'c', query: '', method: 'GET' };
    const stream = await boards.openStream('pi', { kind: 'exec', headers: [], ...about });
    stream.end('there and back');
    expect(await text(stream)).toBe('there and back');
    await expect(boards.openStream('away', { kind: 'exec', headers: [], ...about })).rejects.toMatchObject({
      code: 503,
    });
  });

  it('is for who has a certificate, and for its own name', async () => {
    const identity = await joined('pi');
    const stranger = connectLink(link(), identity.ca);
    const refusal = new Promise<Error>((resolve) => stranger.session().on('error', resolve));
    expect((await refusal).message).toContain('UNAUTHENTICATED');
    stranger.close();
    const liar = board(identity, 'other');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(boards.names()).toEqual([]);
    expect(liar.session.connected).toBe(false);
  });
});
