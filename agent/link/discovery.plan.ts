import type { HostPort } from '#proto/config/options.ts';
import { type MdnsMessage, SERVICE } from '#proto/dns/mdns.plan.ts';
import { TYPE } from '#proto/dns/message.plan.ts';

/** A server that says of itself where boards connect. Nothing of it is trusted: the join token says which one is ours. */
export interface FoundServer {
  /** Its instance: the node name of the server. */
  readonly name: string;
  readonly link: HostPort;
}

/** Servers in an answer that came from `from`; one whose address is not said is where the answer came from. */
export function serversIn(message: MdnsMessage, from: string): FoundServer[] {
  if (!message.response) return [];
  const records = [...message.answers, ...message.additional];
  return records.flatMap((record) => {
    if (record.type !== TYPE.PTR || record.name !== SERVICE) return [];
    const instance = record.target;
    const service = records.find((one) => one.type === TYPE.SRV && one.name === instance);
    const text = records.find((one) => one.type === TYPE.TXT && one.name === instance);
    const port = text?.type === TYPE.TXT ? Number(/^link=(\d{1,5})$/.exec(text.text)?.[1]) : Number.NaN;
    if (service?.type !== TYPE.SRV || !(port > 0 && port < 65_536)) return [];
    const address = records.find((one) => one.type === TYPE.A && one.name === service.target);
    const host = address?.type === TYPE.A ? address.ip : from;
    return [{ name: instance.slice(0, -(SERVICE.length + 1)), link: { host, port } }];
  });
}
