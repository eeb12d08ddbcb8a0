/**
 * The devices of the board: what there is, and who has it. Who has what is written on the containers themselves and read back from
 * the runtime, so that a restarted agent gives nothing away twice; what is here is no more than a copy of it.
 */

import { DEVICES, POD_UID } from '#agent/pod/labels.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Container, EphemeralContainer } from '#proto/schema/generated/core-v1.ts';
import { type Holder, type Holding, planAllocation, wantedDevices } from './allocate.plan.ts';
import { type Device, type DeviceNode, deviceAmounts, devicesOf } from './devices.plan.ts';
import { deviceStamp, groupOf, type OwnDevice, readDeviceTree } from './discover.ts';

/** What a container is given. */
export interface GivenDevices {
  readonly nodes: readonly DeviceNode[];
  /** Groups that may use them on the board: the container gets them too, so that it need not be root. */
  readonly groups: readonly number[];
  /** To be written on the container; '' for nothing. */
  readonly note: string;
}

export interface DevicesOptions {
  readonly own: readonly OwnDevice[];
  readonly shares: ReadonlyMap<string, number>;
  readonly runtime: Pick<Runtime, 'list'>;
  readonly log: Logger;
}

export const NO_DEVICES: GivenDevices = { nodes: [], groups: [], note: '' };

export class Devices {
  readonly #options: DevicesOptions;
  /** Pods that gave back what the runtime's list may still say. */
  readonly #released = new Set<string>();
  #stamp = '';
  #devices: readonly Device[] = [];
  /** By Pod and container; undefined until the runtime was asked. */
  #holders: Map<string, Holder> | undefined;

  constructor(options: DevicesOptions) {
    this.#options = options;
  }

  /** Resources of the Node. */
  get amounts(): Readonly<Record<string, string>> {
    return deviceAmounts(this.#devices);
  }

  /** Looks whether something was plugged in or out. */
  async refresh(): Promise<void> {
    const { own, shares, log } = this.#options;
    const stamp = await deviceStamp(own);
    if (stamp === this.#stamp) return;
    const before = JSON.stringify(this.amounts);
    this.#devices = devicesOf(await readDeviceTree(own), shares);
    this.#stamp = stamp;
    if (before !== JSON.stringify(this.amounts)) log.info('devices of the board', this.amounts);
  }

  /** For the next run of a container. Rejects with an Error whose message is for the container's status. */
  async allocate(
    podUid: string,
    spec: Container | EphemeralContainer,
    isInit: boolean,
  ): Promise<GivenDevices> {
    const wanted = wantedDevices(spec);
    if (Object.keys(wanted).length === 0) return NO_DEVICES;
    await this.refresh();
    const holders = await this.#known();
    const wish = { podUid, container: spec.name, isInit, wanted };
    const allocation = planAllocation(wish, this.#devices, [...holders.values()]);
    if (!allocation.ok) throw new Error(allocation.message);
    const { holding } = allocation;
    holders.set(`${podUid}/${spec.name}`, { podUid, container: spec.name, isInit, holding });
    const nodes = this.#devices
      .filter(({ kind, id }) => holding[kind]?.includes(id))
      .flatMap((device) => device.nodes);
    const groups = await Promise.all(nodes.map(({ path }) => groupOf(path)));
    return {
      nodes,
      groups: [...new Set(groups.filter((gid) => gid !== undefined))],
      note: JSON.stringify({ isInit, holding }),
    };
  }

  /** Nothing of the Pod runs any more. */
  release(podUid: string): void {
    if (!this.#holders) this.#released.add(podUid);
    for (const [key, holder] of this.#holders ?? []) if (holder.podUid === podUid) this.#holders?.delete(key);
  }

  async #known(): Promise<Map<string, Holder>> {
    if (this.#holders) return this.#holders;
    const { sandboxes, containers } = await this.#options.runtime.list();
    const owner = new Map(sandboxes.map(({ id, uid }) => [id, uid]));
    const newest = [...containers].sort((a, b) => a.attempt - b.attempt || a.createdAtMs - b.createdAtMs);
    // Whoever else asked meanwhile has begun the same map.
    this.#holders ??= new Map(
      newest.flatMap(({ name, sandboxId, labels, annotations }) => {
        const podUid = labels[POD_UID] ?? owner.get(sandboxId) ?? '';
        const note = readNote(annotations[DEVICES]);
        return note && !this.#released.has(podUid)
          ? [[`${podUid}/${name}`, { podUid, container: name, ...note }]]
          : [];
      }),
    );
    return this.#holders;
  }
}

function readNote(text: string | undefined): { isInit: boolean; holding: Holding } | undefined {
  // Written by this very class; a container of another agent has none.
  return text ? (JSON.parse(text) as { isInit: boolean; holding: Holding }) : undefined;
}
