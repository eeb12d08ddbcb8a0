import { expect, it } from 'vitest';
import { encodeMdns, parseMdns, SERVICE } from '#proto/dns/mdns.plan.ts';
import { type ResourceRecord, TYPE } from '#proto/dns/message.plan.ts';
import { serversIn } from './discovery.plan.ts';

const instance = `pi.${SERVICE}`;
const pointer: ResourceRecord = { type: TYPE.PTR, name: SERVICE, target: instance };
const service: ResourceRecord = { type: TYPE.SRV, name: instance, port: 6443, target: 'coracle.local' };
const text = (words: string): ResourceRecord => ({ type: TYPE.TXT, name: instance, text: words });
const address: ResourceRecord = { type: TYPE.A, name: 'coracle.local', ip: '192.168.1.5' };
const found = (host: string) => [{ name: 'pi', link: { host, port: 6444 } }];

it.each<[string, ResourceRecord[], object[]]>([
  ['all is said', [service, text('link=6444'), address], found('192.168.1.5')],
  ['the address is not said', [service, text('link=6444')], found('192.168.1.9')],
  ['there is no port for boards', [service, text('link='), address], []],
  ['the port is none', [service, text('link=70000'), address], []],
  ['there is no service', [text('link=6444'), address], []],
])('finds a server where %s', (_, additional, expected) => {
  const message = parseMdns(encodeMdns({ response: true, answers: [pointer], additional }));
  expect(message && serversIn(message, '192.168.1.9')).toEqual(expected);
  expect(serversIn({ ...(message as NonNullable<typeof message>), response: false }, '192.168.1.9')).toEqual(
    [],
  );
});
