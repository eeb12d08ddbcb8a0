import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeQuestion, parseQuery, type Query, RCODE, TYPE } from '#proto/dns/message.plan.ts';
import { anEndpoint, aService, aSlice } from '../services/fixtures.ts';
import { aQuery, told } from './fixtures.ts';
import { parseForwarded } from './forwarded.plan.ts';
import { Responder } from './responder.ts';
import type { Heard } from './upstream.ts';
import { buildZone } from './zone.plan.ts';

const zone = buildZone({
  domain: 'cluster.local',
  services: [
    aService('web'),
    aService('big', { clusterIP: 'None' }),
    aService('out', { type: 'ExternalName', externalName: 'example.org' }),
    aService('near', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
    aService('loop', { type: 'ExternalName', externalName: 'loop.default.svc.cluster.local' }),
  ],
  slices: [
    aSlice(
      'big',
      Array.from({ length: 100 }, (_, i) => anEndpoint(`10.42.1.${i}@pi`)),
    ),
  ],
  ranges: ['10.43.0.0/16'],
  complete: true,
});

/** The world has one name, with one address that is good for a minute. */
const world = {
  asked: [] as string[],
  cameBack: ({ type }: Query) => type === TYPE.HINFO,
  ask: async (query: Query): Promise<Heard | undefined> => {
    world.asked.push(query.name);
    if (query.name !== 'example.org') return undefined;
    const head = [0, 9, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    const answer = [0xc0, 12, 0, TYPE.A, 0, 1, 0, 0, 0, 60, 0, 4, 93, 184, 216, 34];
    const forwarded = parseForwarded(
      Uint8Array.from([...head, ...query.question, ...answer]),
      9,
      query.question,
    );
    return forwarded && { forwarded, ageSeconds: 10 };
  },
};
const responder = new Responder({ zone: () => zone, upstream: world });
const ask = async (bytes: Uint8Array, tcp = false) => {
  const answer = await responder.respond(bytes, tcp);
  return answer ? { ...told(answer), bytes: answer } : undefined;
};

describe('Responder', () => {
  it('answers under the id and in the spelling of the client', async () => {
    const query = aQuery('WEB.default.svc.Cluster.local', TYPE.A, { id: 0x1234 });
    const answer = await ask(query);
    expect(answer).toMatchObject({ rcode: 0, answers: ['A 10.43.0.20'] });
    expect([...(answer?.bytes.subarray(0, 2) ?? [])]).toEqual([0x12, 0x34]);
    expect(answer?.bytes.subarray(12, query.length)).toEqual(query.subarray(12));
  });

  it.each([
    ['512 bytes without EDNS', {}, false, 512, true],
    ['what the client can take', { edns: 800 }, false, 800, true],
    ['no more than networks take in one piece', { edns: 4096 }, false, 1232, true],
    ['as much as there is over TCP', {}, true, 65_535, false],
  ])('sends %s', async (_, more, tcp, limit, truncated) => {
    const answer = await ask(aQuery('big.default.svc.cluster.local', TYPE.A, more), tcp);
    expect(answer?.bytes.length).toBeLessThanOrEqual(limit);
    expect(answer?.truncated).toBe(truncated);
    expect(answer?.answers.length).toBeGreaterThan(Math.min(99, limit / 16 / 3));
    expect(answer?.additional.length).toBe('edns' in more ? 1 : 0);
  });

  it('asks others for names of the world, and counts their time down', async () => {
    const answer = await ask(aQuery('Example.org', TYPE.A));
    expect(answer?.answers).toEqual(['A 93.184.216.34']);
    expect(answer?.bytes.at(-7)).toBe(50);
    expect(await ask(aQuery('nobody.knows', TYPE.A))).toMatchObject({ rcode: RCODE.SERVFAIL });
  });

  it('refuses its own question when it comes back', async () => {
    expect((await ask(aQuery('123.456', TYPE.HINFO)))?.rcode).toBe(RCODE.REFUSED);
  });

  it('follows an alias to its end, and no loop', async () => {
    expect((await ask(aQuery('out.default.svc.cluster.local', TYPE.A)))?.answers).toEqual([
      'CNAME example.org',
      'A 93.184.216.34',
    ]);
    expect((await ask(aQuery('near.default.svc.cluster.local', TYPE.A)))?.answers).toEqual([
      'CNAME web.default.svc.cluster.local',
      'A 10.43.0.20',
    ]);
    expect((await ask(aQuery('loop.default.svc.cluster.local', TYPE.A)))?.rcode).toBe(RCODE.NOERROR);
  });

  it.each([
    ['an answer', aQuery('a', TYPE.A, { flags: 0x8180 }), undefined],
    ['too short', aQuery('a', TYPE.A).subarray(0, 11), undefined],
    ['no whole question', aQuery('a', TYPE.A).subarray(0, 15), RCODE.FORMERR],
    [
      'a pointer in the question',
      Uint8Array.of(...aQuery('', TYPE.A).subarray(0, 12), 0xc0, 12, 0, 1, 0, 1),
      RCODE.FORMERR,
    ],
    ['an update', aQuery('a', TYPE.A, { flags: 0x2800 }), RCODE.NOTIMP],
    ['a zone transfer', aQuery('cluster.local', TYPE.AXFR), RCODE.REFUSED],
    ['another class', aQuery('version.bind', TYPE.TXT, { cls: 3 }), RCODE.REFUSED],
  ])('%s', async (_, bytes, rcode) => {
    expect((await ask(bytes))?.rcode).toBe(rcode);
  });

  it('says so when it does not know a version of EDNS', async () => {
    const answer = await ask(aQuery('web.default.svc.cluster.local', TYPE.A, { edns: 1232, version: 1 }));
    expect(answer?.bytes.at(-6)).toBe(1); // BADVERS is 16: its upper bits are in the OPT record
  });

  it('answers or ignores whatever comes, with whole messages that fit', async () => {
    const seeds = [
      aQuery('web.default.svc.cluster.local', TYPE.A, { edns: 4096 }),
      aQuery('out.default.svc.cluster.local', TYPE.A),
      aQuery('_http._tcp.big.default.svc.cluster.local', TYPE.SRV, { edns: 512 }),
    ];
    const change = fc.tuple(fc.nat(80), fc.nat(255));
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 6 }), fc.nat(90))
      .map(([seed, changes, cut]) => {
        const bytes = Uint8Array.from(seed);
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        return bytes.subarray(0, Math.max(cut, 12));
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, fc.uint8Array({ maxLength: 600 })), async (bytes) => {
        const answer = await ask(bytes);
        if (answer) expect(answer.bytes.length).toBeLessThanOrEqual(1232);
      }),
      { seed: 20_261_120, numRuns: 4_000 },
    );
  });
});

it('takes no answer to another question, nor a broken one', () => {
  const question = encodeQuestion('example.org', TYPE.A);
  const query = parseQuery(aQuery('example.org', TYPE.A));
  expect(query?.question).toEqual(question);
  const head = [0, 9, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
  const record = [0xc0, 12, 0, TYPE.A, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4];
  const whole = Uint8Array.from([...head, ...question, ...record]);
  expect(parseForwarded(whole, 9, question)).toMatchObject({ ttlSeconds: 30, records: [{ ip: '1.2.3.4' }] });
  expect(parseForwarded(whole, 8, question)).toBeUndefined();
  expect(parseForwarded(whole, 9, encodeQuestion('example.com', TYPE.A))).toBeUndefined();
  fc.assert(
    fc.property(
      fc.nat(whole.length - 1),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }),
      (cut, changes) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        parseForwarded(bytes.subarray(0, cut), 9, question);
        parseForwarded(bytes, 9, question);
      },
    ),
    { seed: 20_261_120, numRuns: 2_000 },
  );
});
