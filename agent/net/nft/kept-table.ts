import type { Logger } from '#proto/meta/log.ts';
import type { Run } from '../run.ts';
import { type NftTable, planDifference, planWhole } from './table.plan.ts';

/**
 * One table of the kernel, kept by differences: the one place that writes any. Whatever goes wrong with a difference (another
 * program flushed the tables) is mended with the whole table.
 */
export class KeptTable<T extends NftTable = NftTable> {
  readonly #run: Run;
  readonly #log: Logger;
  #applied: T | undefined;

  constructor(run: Run, log: Logger) {
    this.#run = run;
    this.#log = log;
  }

  /** What the kernel has; undefined while that is not known. */
  get applied(): T | undefined {
    return this.#applied;
  }

  /** Resolves when the kernel has it: whether anything differed. Rejects with code ENOENT where nft is not installed. */
  async apply(wanted: T): Promise<boolean> {
    const difference = this.#applied && planDifference(this.#applied, wanted);
    if (difference === '') return false;
    if (difference !== undefined)
      try {
        await this.#nft(difference);
        this.#applied = wanted;
        return true;
      } catch (err) {
        this.#log.warn('a change of rules was refused, the whole table is made anew', {
          table: wanted.name,
          err,
        });
      }
    this.#applied = undefined;
    await this.#nft(planWhole(wanted));
    this.#applied = wanted;
    return true;
  }

  /** Somebody else's "flush ruleset" takes our table too. */
  async check(): Promise<void> {
    if (!this.#applied) return;
    const { family, name } = this.#applied;
    const tables = await this.#run('nft', ['list', 'tables']);
    if (!tables.split('\n').includes(`table ${family} ${name}`)) this.#applied = undefined;
  }

  async remove(family: NftTable['family'], name: string): Promise<void> {
    this.#applied = undefined;
    await this.#nft(`table ${family} ${name}\ndelete table ${family} ${name}\n`);
  }

  async #nft(script: string): Promise<void> {
    await this.#run('nft', ['-f', '-'], script);
  }
}
