import { addressOf, numberOf } from '#proto/net/cidr.ts';

/** What a node gets of a range of each family. */
const NODE_PREFIX = { 32: 24, 128: 64 } as const;
/** Boards beyond that have other worries. */
const MAX_NODES = 65_536;

/** A network and the length of its prefix. Throws where it is none. */
function parseCidr(cidr: string): { base: bigint; width: 32 | 128; prefix: number } {
  const [address = '', length = ''] = cidr.split('/');
  const number = numberOf(address);
  if (!number || !/^\d{1,3}$/.test(length) || Number(length) > number.width)
    throw new Error(`${cidr} is not a CIDR`);
  return { base: number.value, width: number.width, prefix: Number(length) };
}

/** The first free block of a node's size in the cluster's; undefined: all are taken. */
export function allocateCidr(clusterCidr: string, used: ReadonlySet<string>): string | undefined {
  const { base, width, prefix } = parseCidr(clusterCidr);
  const nodePrefix = NODE_PREFIX[width];
  if (nodePrefix < prefix) throw new Error(`nodes need /${nodePrefix}, but the cluster has ${clusterCidr}`);
  const count = Math.min(MAX_NODES, 2 ** (nodePrefix - prefix));
  const size = 1n << BigInt(width - nodePrefix);
  const first = base - (base % (1n << BigInt(width - prefix)));
  for (let i = 0n; i < BigInt(count); i += 1n) {
    const cidr = `${addressOf(first + i * size, width)}/${nodePrefix}`;
    if (!used.has(cidr)) return cidr;
  }
  return undefined;
}

/** A block of each range; undefined: one of them has none left. */
export function allocateAll(
  clusterCidrs: readonly string[],
  used: ReadonlySet<string>,
): string[] | undefined {
  const blocks = clusterCidrs.flatMap((range) => allocateCidr(range, used) ?? []);
  return blocks.length < clusterCidrs.length ? undefined : blocks;
}
