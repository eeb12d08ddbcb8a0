import { describeLog } from '#server/store/log.case.ts';
import { MemoryLog } from '#server/store/memory/memory-log.ts';
import { createMemoryStore } from '#server/store/open.ts';
import { describeStore } from '#server/store/store.case.ts';

describeLog('memory', { durable: false }, async () => ({ log: new MemoryLog() }));
describeStore('memory', async (clock) => ({ store: createMemoryStore({ clock }) }));
