import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discoveryQuery, encodeMdns, type MdnsMessage, parseMdns, SERVICE } from '#proto/dns/mdns.plan.ts';
import { TYPE } from '#proto/dns/message.plan.ts';
import { hostName, planReply, recordsOf, rivalOf, yields } from './answers.plan.ts';

const presence = { host: 'coracle.local', instance: 'pi', port: 6443, linkPort: 6444 };
const ADDRESS = '192.168.1.5';
const whole = (message: Partial<MdnsMessage>): MdnsMessage => {
  const parsed = parseMdns(encodeMdns(message));
  if (!parsed) throw new Error('not a message');
  return parsed;
};
const asking = (name: string, type: number, unicast = false, more: Partial<MdnsMessage> = {}) =>
  whole({ questions: [{ name, type, unicast }], ...more });
const texts = (records: readonly object[]) => records.map((record) => JSON.stringify(record));

describe('planReply', () => {
  it('says the address to who asks for the name', () => {
    const reply = planReply(asking('Coracle.local', TYPE.A), presence, ADDRESS, false);
    expect(reply?.unicast).toBe(false);
    expect(reply?.message.answers).toEqual([
      { type: TYPE.A, name: 'coracle.local', ip: ADDRESS, ttl: 120, flush: true },
    ]);
  });

  it('says all that a board needs to who looks for servers', () => {
    const reply = planReply(whole(parseMdns(discoveryQuery(7)) ?? {}), presence, ADDRESS, true);
    expect(reply?.unicast).toBe(true);
    const { id, questions, answers, additional } = whole(reply?.message ?? {});
    expect(id).toBe(7);
    expect(questions).toHaveLength(1);
    expect(answers).toEqual([{ type: TYPE.PTR, name: SERVICE, target: `pi.${SERVICE}`, ttl: 10 }]);
    expect(texts(additional).join()).toMatch(
      /"port":6443,"target":"coracle.local".*"link=6444".*192\.168\.1\.5/,
    );
  });

  it.each([
    ['another name', asking('other.local', TYPE.A)],
    ['a type that it has not', asking('coracle.local', TYPE.AAAA)],
    [
      'an answer',
      whole({ response: true, questions: [{ name: 'coracle.local', type: TYPE.A, unicast: false }] }),
    ],
    [
      'what the asker knows',
      asking(SERVICE, TYPE.PTR, false, {
        answers: [{ type: TYPE.PTR, name: SERVICE, target: `pi.${SERVICE}`, ttl: 3_000 }],
      }),
    ],
  ])('is silent about %s', (_, query) => {
    expect(planReply(query, presence, ADDRESS, false)).toBeUndefined();
  });
});

describe('a name', () => {
  const claim = (response: boolean, ip: string) => {
    const records = recordsOf(presence, ip);
    return whole(response ? { response, answers: records } : { authority: records });
  };
  it.each([
    ['an answer of another host', claim(true, '192.168.1.6'), '192.168.1.6'],
    ['a prober', claim(false, '192.168.1.6'), '192.168.1.6'],
    ['an answer of our own', claim(true, ADDRESS), undefined],
    ['a good-bye', whole({ response: true, answers: recordsOf(presence, '192.168.1.6', true) }), undefined],
  ])('has a rival in %s: %s', (_, message, rival) => {
    expect(rivalOf(message, 'coracle.local', [ADDRESS])).toBe(rival);
  });

  it('goes to the greater address, and the next name is as good', () => {
    expect(yields('192.168.1.9', '192.168.1.10')).toBe(true);
    expect(yields('192.168.1.10', '192.168.1.9')).toBe(false);
    expect([1, 2, 3].map(hostName)).toEqual(['coracle.local', 'coracle-2.local', 'coracle-3.local']);
  });
});

it('reads whatever comes, and replies with whole messages', () => {
  const seed = encodeMdns({ response: true, answers: recordsOf(presence, ADDRESS) });
  const change = fc.tuple(fc.nat(seed.length - 1), fc.nat(255));
  const mutated = fc
    .tuple(fc.constantFrom(seed, discoveryQuery(1)), fc.array(change, { maxLength: 8 }))
    .map(([bytes, changes]) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 600 })), fc.boolean(), (bytes, legacy) => {
      const message = parseMdns(bytes);
      if (!message) return;
      rivalOf(message, 'coracle.local', [ADDRESS]);
      const reply = planReply(message, presence, ADDRESS, legacy);
      if (reply) expect(parseMdns(encodeMdns(reply.message))).toBeDefined();
    }),
    { seed: 20_261_129, numRuns: 4_000 },
  );
});
