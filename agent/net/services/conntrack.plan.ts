/**
 * UDP has no end of a connection: the kernel would go on sending a client's packets to a target that is gone, or past a
 * Service that had none when the client began. Such flows are forgotten, so that the next packet asks anew.
 */
import type { ServicesTable } from './base.plan.ts';

/** Arguments of `conntrack`, one call each. */
export function planConntrack(applied: ServicesTable | undefined, wanted: ServicesTable): string[][] {
  if (!applied) return [];
  const calls: string[][] = [];
  for (const [map, refused] of [
    ['services', 'refused'],
    ['nodeports', 'refused-nodeports'],
  ] as const) {
    const keys = new Set(
      [applied, wanted].flatMap(({ elements }) => [...elements[map].keys(), ...elements[refused].keys()]),
    );
    for (const key of keys) {
      const parts = key.split(' . ');
      const port = parts.pop() ?? '';
      const [protocol = '', ip] = parts.reverse();
      if (protocol !== 'udp') continue;
      const flow = [
        ...(wanted.family === 'ip6' ? ['-f', 'ipv6'] : []),
        '-D',
        '-p',
        'udp',
        ...(ip ? ['--orig-dst', ip] : []),
        '--orig-port-dst',
        port,
      ];
      const before = targetsBehind(applied, applied.elements[map].get(key));
      const after = targetsBehind(wanted, wanted.elements[map].get(key));
      if (before.size === 0 && after.size > 0) calls.push(flow);
      for (const target of before) {
        if (after.has(target)) continue;
        const [at = '', its = ''] = target.split(' ');
        calls.push([...flow, '--reply-src', at, '--reply-port-src', its]);
      }
    }
  }
  return calls;
}

/** `dnat to 10.42.1.2:53`, `dnat to [fd00::2]:53`, and what stands in a map: `0 : 10.42.1.2 . 53`. */
const ENDS = /dnat to (?:\[([\da-f:.]+)\]|([\d.]+)):(\d+)|: ([\da-f:.]+) \. (\d+)/g;

/** Addresses with ports, `10.42.1.2 53`, that a verdict leads to, through as many chains as it takes. */
function targetsBehind(table: ServicesTable, verdict: string | undefined): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (text: string): void => {
    for (const [, v6, v4, port, inMap, itsPort] of text.matchAll(ENDS))
      found.add(`${v6 ?? v4 ?? inMap} ${port ?? itsPort}`);
    for (const [, chain = ''] of text.matchAll(/goto ([\w/.-]+)/g)) {
      if (seen.has(chain)) continue;
      seen.add(chain);
      for (const rule of table.chains.get(chain) ?? []) visit(rule);
    }
  };
  if (verdict) visit(verdict);
  return found;
}
