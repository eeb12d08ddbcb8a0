import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '#server/store/log.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);

/** What every {@link Log} must do, and what only those must that survive their process. */
export function describeLog(
  name: string,
  capabilities: { readonly durable: boolean },
  open: () => Promise<{ log: Log; reopen?: () => Promise<Log>; cleanup?: () => Promise<void> }>,
): void {
  describe(`${name} as a log`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let log: Log;
    beforeEach(async () => {
      opened = await open();
      log = opened.log;
    });
    afterEach(async () => {
      await log.close();
      await opened.cleanup?.();
    });

    const scan = async (prefix: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key, value } of log.scan(prefix)) found.push(`${key}=${text(value)}`);
      return found;
    };

    it('reads what a batch wrote', async () => {
      await log.append([{ key: 'a', value: bytes('1') }], { sync: true });
      expect(text(log.read('a'))).toBe('1');
      expect(log.read('b')).toBeUndefined();
    });

    it('applies a batch in order', async () => {
      const batch = [
        { key: 'a', value: bytes('1') },
        { key: 'a', value: undefined },
        { key: 'b', value: bytes('1') },
        { key: 'b', value: bytes('2') },
      ];
      await log.append(batch, { sync: true });
      expect(await scan('')).toEqual(['b=2']);
    });

    it('scans a prefix in byte order', async () => {
      const keys = ['d/b', 'd/a', 'd/a/x', 'd0', 'c', 'd/a.b', 'd/~'];
      await log.append(
        keys.map((key) => ({ key, value: bytes('') })),
        { sync: false },
      );
      expect(await scan('d/')).toEqual(['d/a=', 'd/a.b=', 'd/a/x=', 'd/b=', 'd/~=']);
    });

    it('scans more than one chunk', async () => {
      const batch = Array.from({ length: 1201 }, (_, i) => ({ key: `k${i}`, value: bytes(`${i}`) }));
      await log.append(batch, { sync: true });
      expect(await scan('k')).toHaveLength(1201);
    });

    it('refuses writes once closed', async () => {
      await log.close();
      await expect(log.append([{ key: 'a', value: bytes('1') }], { sync: true })).rejects.toThrow();
      if (opened.reopen) log = await opened.reopen();
    });

    if (!capabilities.durable) return;

    it('finds everything again', async () => {
      await log.append([{ key: 'a', value: bytes('1') }], { sync: true });
      await log.close();
      log = (await opened.reopen?.()) as Log;
      expect(await scan('')).toEqual(['a=1']);
    });
  });
}
