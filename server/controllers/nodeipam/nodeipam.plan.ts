/** IPv4 `10.42.0.0/16` as a number and a prefix length. Throws where it is none. */
function parseCidr(cidr: string): { base: number; prefix: number } {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (!match) throw new Error(`${cidr} is not an IPv4 CIDR`);
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number);
  return { base: ((a << 24) | (b << 16) | (c << 8) | d) >>> 0, prefix };
}

const format = (address: number, prefix: number): string =>
  `${[24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')}/${prefix}`;

/** The first free block of a node's size in the cluster's; undefined: all are taken. */
export function allocateCidr(
  clusterCidr: string,
  nodePrefix: number,
  used: ReadonlySet<string>,
): string | undefined {
  const { base, prefix } = parseCidr(clusterCidr);
  if (nodePrefix < prefix) throw new Error(`nodes need /${nodePrefix}, but the cluster has ${clusterCidr}`);
  const count = 2 ** (nodePrefix - prefix);
  for (let i = 0; i < count; i += 1) {
    const cidr = format((base + i * 2 ** (32 - nodePrefix)) >>> 0, nodePrefix);
    if (!used.has(cidr)) return cidr;
  }
  return undefined;
}
