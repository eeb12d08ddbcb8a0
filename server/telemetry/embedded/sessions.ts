import MemoryPersistence from 'aedes-persistence/asyncPersistence.js';

type Enqueue = Parameters<MemoryPersistence['outgoingEnqueueCombi']>;
type Clear = Parameters<MemoryPersistence['outgoingClearMessageId']>;

/** As many as mosquitto keeps. */
const MAX_QUEUED = 500;

/** Retained messages and sessions in memory, where a client that is away, or takes nothing, has a bounded queue. */
export class Sessions extends MemoryPersistence {
  readonly #queued = new Map<string, number>();

  override async outgoingEnqueueCombi(...[subscribers, packet]: Enqueue): Promise<void> {
    const taking = subscribers.filter(({ clientId }) => {
      const queued = this.#queued.get(clientId) ?? 0;
      if (queued >= MAX_QUEUED) return false;
      this.#queued.set(clientId, queued + 1);
      return true;
    });
    await super.outgoingEnqueueCombi(taking, packet);
  }

  override async outgoingClearMessageId(...[client, packet]: Clear) {
    const cleared = await super.outgoingClearMessageId(client, packet);
    const queued = this.#queued.get(client.id) ?? 0;
    if (cleared && queued > 1) this.#queued.set(client.id, queued - 1);
    else if (cleared) this.#queued.delete(client.id);
    return cleared;
  }
}
