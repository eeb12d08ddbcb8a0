/** What we use of it: the package declares its types for its other entry only. */
declare module 'aedes-persistence/asyncPersistence.js' {
  interface Packet {
    readonly messageId?: number;
  }
  export default class MemoryPersistence {
    outgoingEnqueueCombi(
      subscribers: readonly { readonly clientId: string }[],
      packet: Packet,
    ): Promise<void>;
    outgoingClearMessageId(client: { readonly id: string }, packet: Packet): Promise<Packet | undefined>;
  }
}
