import { VXLAN_DEVICE, type VxlanPresent } from './vxlan.plan.ts';

type Json = (program: string, args: readonly string[]) => Promise<readonly unknown[]>;

interface Link {
  readonly address: string;
  readonly mtu: number;
  readonly flags?: readonly string[];
  readonly linkinfo?: {
    readonly info_data?: { id?: number; local?: string; local6?: string; port?: number };
  };
  readonly addr_info?: readonly { local?: string; prefixlen?: number; scope?: string }[];
}

/** What the kernel has of the device, as `ip` and `bridge` tell it. */
export async function vxlanOf(json: Json): Promise<VxlanPresent> {
  const none = { device: undefined, addresses: [], neighbours: new Map(), forwarding: new Map() };
  const [link] = (await json('ip', ['-details', 'address', 'show', 'dev', VXLAN_DEVICE]).catch(
    () => [],
  )) as readonly Link[];
  if (!link) return none;
  const neighbours = (await json('ip', ['neigh', 'show', 'dev', VXLAN_DEVICE])) as readonly {
    dst: string;
    lladdr?: string;
    state?: readonly string[];
  }[];
  const forwarding = (await json('bridge', ['fdb', 'show', 'dev', VXLAN_DEVICE])) as readonly {
    mac: string;
    dst?: string;
  }[];
  const { id = 0, local, local6, port = 0 } = link.linkinfo?.info_data ?? {};
  return {
    device: {
      mac: link.address,
      mtu: link.mtu,
      up: link.flags?.includes('UP') ?? false,
      id,
      local: local ?? local6 ?? '',
      port,
    },
    addresses: (link.addr_info ?? []).flatMap(({ local: ip, prefixlen, scope }) =>
      ip && scope !== 'link' ? [`${ip}/${prefixlen}`] : [],
    ),
    neighbours: new Map(
      neighbours.flatMap(({ dst, lladdr, state }) =>
        lladdr && state?.includes('PERMANENT') ? [[dst, lladdr] as const] : [],
      ),
    ),
    forwarding: new Map(forwarding.flatMap(({ mac, dst }) => (dst ? [[mac, dst] as const] : []))),
  };
}
