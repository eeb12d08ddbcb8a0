import type { Logger } from '#proto/meta/log.ts';
import type { Run } from '../run.ts';
import { type NftTable, planDifference, planWhole } from './table.plan.ts';

/** One table of the kernel, kept by differences. Whatever goes wrong with one is mended with the whole table. */
export class KeptTable {
  readonly #run: Run;
  readonly #log: Logger;
  #applied: NftTable | undefined;

  constructor(run: Run, log: Logger) {
    this.#run = run;
    this.#log = log;
  }

  /** What the kernel has; undefined while that is not known. */
  get applied(): NftTable | undefined {
    return this.#applied;
  }

  /** Resolves when the kernel has it. Rejects with code ENOENT where nft is not installed. */
  async apply(wanted: NftTable): Promise<void> {
    const difference = this.#applied && planDifference(this.#applied, wanted);
    if (difference === '') return;
    if (difference !== undefined)
      try {
        await this.#nft(difference);
        this.#applied = wanted;
        return;
      } catch (err) {
        this.#log.warn('a change of rules was refused, the whole table is made anew', {
          table: wanted.name,
          err,
        });
      }
    this.#applied = undefined;
    await this.#nft(planWhole(wanted));
    this.#applied = wanted;
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
