/** The pod network of one board, as a CNI network list. */
export interface CniInput {
  /** Of the node, one for each address family: `10.42.3.0/24`. */
  readonly podCidrs: readonly string[];
  /** Where host-local remembers which address is whose. */
  readonly ipamDir: string;
  /** Below Ethernet's where the way to other boards is a tunnel. */
  readonly mtu: number;
}

export const CNI_CONFIG_NAME = '10-coracle.conflist';
export const CNI_NETWORK = 'coracle';

/**
 * A bridge with addresses from the node's range, and host ports. Source addresses stay as they are: what must be
 * masqueraded on its way out of the cluster is the service proxy's decision, not the bridge's.
 */
export function planCniConfig(input: CniInput): string {
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    isDefaultGateway: true,
    // A node that comes back under a new range takes its bridge along.
    forceAddress: true,
    hairpinMode: true,
    ipMasq: false,
    mtu: input.mtu,
    ipam: {
      type: 'host-local',
      dataDir: input.ipamDir,
      ranges: input.podCidrs.map((subnet) => [{ subnet }]),
    },
  };
  const portmap = { type: 'portmap', capabilities: { portMappings: true } };
  return `${JSON.stringify({ cniVersion: '0.4.0', name: CNI_NETWORK, plugins: [bridge, portmap] }, null, 2)}\n`;
}

/** Of a text of {@link planCniConfig}; undefined where it is damaged. */
export function mtuOf(text: string): number | undefined {
  const found = /"mtu": (\d+)/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
