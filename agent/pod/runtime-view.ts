/**
 * What the runtime has, by pod: one list for all pods, shared by whoever asks at the same time, and details of a
 * container read once for each state that it is in.
 */
import type { Container, ContainerState, Runtime, Sandbox } from '#agent/runtime/runtime.ts';
import { SharedRun } from '#proto/meta/shared-run.ts';
import { POD_UID } from './labels.ts';
import type { ContainerView, SandboxView } from './snapshot.ts';

export interface PodRuntime {
  readonly sandboxes: readonly Sandbox[];
  readonly containers: readonly Container[];
}

/** One pod as plans see it. */
export interface PodDetails {
  readonly sandboxes: readonly SandboxView[];
  readonly containers: readonly ContainerView[];
}

type Listing = ReadonlyMap<string, PodRuntime>;

export class RuntimeView {
  readonly #runtime: Runtime;
  readonly #readMessage: (state: ContainerState, sandbox: Sandbox | undefined) => Promise<string>;
  readonly #listings = new SharedRun(() => this.#read());
  readonly #details = new Map<string, ContainerView>();
  readonly #addresses = new Map<string, readonly string[]>();

  constructor(
    runtime: Runtime,
    readMessage: (state: ContainerState, sandbox: Sandbox | undefined) => Promise<string>,
  ) {
    this.#runtime = runtime;
    this.#readMessage = readMessage;
  }

  /** A list that was begun after this call, so that it shows what the caller has just done. */
  list(): Promise<Listing> {
    return this.#listings.ask();
  }

  /** One pod, in detail. */
  async pod(uid: string): Promise<PodDetails> {
    const found = (await this.list()).get(uid) ?? { sandboxes: [], containers: [] };
    return {
      sandboxes: await Promise.all(found.sandboxes.map((s) => this.#sandbox(s))),
      containers: await Promise.all(
        found.containers.map((c) =>
          this.#container(
            c,
            found.sandboxes.find((s) => s.id === c.sandboxId),
          ),
        ),
      ),
    };
  }

  async #read(): Promise<Listing> {
    const { sandboxes, containers } = await this.#runtime.list();
    const pods = new Map<string, { sandboxes: Sandbox[]; containers: Container[] }>();
    const owner = new Map<string, string>();
    const of = (uid: string) => {
      const known = pods.get(uid) ?? { sandboxes: [], containers: [] };
      pods.set(uid, known);
      return known;
    };
    for (const sandbox of sandboxes) {
      owner.set(sandbox.id, sandbox.uid);
      of(sandbox.uid).sandboxes.push(sandbox);
    }
    for (const container of containers) {
      const uid = container.labels[POD_UID] ?? owner.get(container.sandboxId);
      if (uid) of(uid).containers.push(container);
    }
    this.#prune(sandboxes, containers);
    return pods;
  }

  #prune(sandboxes: readonly Sandbox[], containers: readonly Container[]): void {
    const keep = new Set([...sandboxes, ...containers].map(({ id }) => id));
    for (const map of [this.#details, this.#addresses]) {
      for (const id of map.keys()) if (!keep.has(id)) map.delete(id);
    }
  }

  async #sandbox(sandbox: Sandbox): Promise<SandboxView> {
    const { id, attempt, ready, createdAtMs, annotations } = sandbox;
    let ips = this.#addresses.get(id) ?? [];
    if (ready && ips.length === 0) {
      ips = (await this.#runtime.sandboxStatus(id)).ips;
      this.#addresses.set(id, ips);
    }
    return { id, attempt, ready, createdAtMs, annotations, ips: ready ? ips : [] };
  }

  async #container(container: Container, sandbox: Sandbox | undefined): Promise<ContainerView> {
    const known = this.#details.get(container.id);
    if (known && known.state === container.state) return known;
    const state = await this.#runtime.containerStatus(container.id);
    const message = state.state === 'exited' ? await this.#readMessage(state, sandbox) : state.message;
    const view: ContainerView = {
      id: state.id,
      sandboxId: state.sandboxId,
      name: state.name,
      attempt: state.attempt,
      state: state.state,
      image: state.image,
      imageRef: state.imageRef,
      createdAtMs: state.createdAtMs,
      // A runtime that was cut off, or never got so far, says 0.
      startedAtMs: state.startedAtMs || undefined,
      finishedAtMs: state.finishedAtMs || undefined,
      exitCode: state.exitCode,
      reason: state.reason,
      message,
      annotations: state.annotations,
    };
    this.#details.set(container.id, view);
    return view;
  }
}
