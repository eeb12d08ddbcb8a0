import type { CelEngine } from '#server/cel/engine.ts';

/** The engine, loaded once, when somebody first needs it: a cluster without expressions has none in memory. */
export const loadCel = async (): Promise<CelEngine> => (await import('#server/cel/cel.ts')).cel;
