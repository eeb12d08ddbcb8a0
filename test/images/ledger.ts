/** Writes objects, remembers what the API acknowledged, and says what of it is not there any more. */

import { configmaps } from '#proto/api/core/configmaps.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { ApiClient } from '#server/client/client.ts';

const NAMESPACE = 'default';
const LABEL = 'test.coracle.dev/ledger';

export class Ledger {
  /** Value by name; undefined: deleted. */
  readonly #known = new Map<string, string | undefined>();
  /** Asked for, no answer yet: it may have happened. */
  readonly #asked = new Set<string>();
  #revision = 0n;
  #acknowledged = 0;

  /** Answers that said yes. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Creates, changes and deletes one after the other until the board is gone or `signal` says stop. */
  async write(client: ApiClient, prefix: string, signal: AbortSignal): Promise<void> {
    const named = (number: number): string => `${prefix}-${number}`;
    try {
      for (let number = 0; !signal.aborted; number++) {
        await this.#do(named(number), `${number}`, () =>
          client.create(configmaps, {
            metadata: { namespace: NAMESPACE, name: named(number), labels: { [LABEL]: 'yes' } },
            data: { value: `${number}` },
          }),
        );
        if (number < 2) continue;
        const changed = named(number - 1);
        await this.#do(changed, 'changed', () =>
          client.patch(configmaps, { namespace: NAMESPACE, name: changed }, 'merge', {
            data: { value: 'changed' },
          }),
        );
        const deleted = named(number - 2);
        if (number % 2 === 0)
          await this.#do(deleted, undefined, async () => {
            await client.delete(configmaps, { namespace: NAMESPACE, name: deleted });
            return undefined;
          });
      }
    } catch {
      // The board is gone, as it should be.
    }
  }

  async #do(
    name: string,
    value: string | undefined,
    work: () => Promise<KubeObject | undefined>,
  ): Promise<void> {
    this.#asked.add(name);
    const answer = await work();
    this.#asked.delete(name);
    this.#known.set(name, value);
    this.#acknowledged++;
    const revision = BigInt(answer?.metadata.resourceVersion ?? 0);
    if (revision > this.#revision) this.#revision = revision;
  }

  /** What of it is wrong now; nothing: all is there. What had no answer counts from here on as it is found. */
  async missing(client: ApiClient): Promise<readonly string[]> {
    const list = await client.list(configmaps, { namespace: NAMESPACE, labelSelector: LABEL });
    const there = new Map(list.items.map(({ metadata, data }) => [metadata.name ?? '', data?.['value']]));
    for (const name of this.#asked) this.#known.set(name, there.get(name));
    this.#asked.clear();
    const wrong = [...this.#known]
      .filter(([name, value]) => there.get(name) !== value)
      .map(([name, value]) => `${name} is ${there.get(name) ?? 'gone'}, not ${value ?? 'gone'}`);
    for (const name of there.keys()) if (!this.#known.has(name)) wrong.push(`${name} was never asked for`);
    const revision = BigInt(list.metadata?.resourceVersion ?? 0);
    if (revision < this.#revision) wrong.push(`the revision went back from ${this.#revision} to ${revision}`);
    return wrong;
  }
}
