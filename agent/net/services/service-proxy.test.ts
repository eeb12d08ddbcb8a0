import { describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { createLogger, silent } from '#proto/meta/log.ts';
import type { Run } from '../run.ts';
import { anInput, aService, aSlice } from './fixtures.ts';
import { ServiceProxy } from './service-proxy.ts';
import type { ServicesInput } from './services.plan.ts';

const missing = (): Error => Object.assign(new Error('spawn nft ENOENT'), { code: 'ENOENT' });
const input = anInput([aService('web')], [aSlice('web', ['10.42.1.2@pi'])]);
const more = anInput([aService('web')], [aSlice('web', ['10.42.1.2@pi', '10.42.1.3@pi'])]);

/** A kernel that takes scripts, and fails when told. */
function aKernel() {
  const scripts: string[] = [];
  const state = { fail: [] as Error[], tables: 'table ip coracle\n' };
  const run: Run = async (program, args, text = '') => {
    if (program !== 'nft') throw missing();
    const failure = state.fail.shift();
    if (failure) throw failure;
    if (args[0] === 'list') return state.tables;
    scripts.push(text);
    return '';
  };
  const taken = () => scripts.splice(0).map((text) => (text.startsWith('table') ? 'whole' : 'difference'));
  return { run, state, taken };
}

describe('ServiceProxy', () => {
  it('makes the whole table once, then differences, then nothing', async () => {
    const { run, taken } = aKernel();
    let seen: ServicesInput | undefined;
    const proxy = new ServiceProxy({ observe: () => seen, run, clock: new FakeClock(), log: silent });
    await proxy.apply();
    expect(taken()).toEqual([]);
    for (const next of [input, more, more, input]) {
      seen = next;
      await proxy.apply();
    }
    expect(taken()).toEqual(['whole', 'difference', 'difference']);
  });

  it('mends a difference that the kernel refuses with the whole table', async () => {
    const { run, state, taken } = aKernel();
    let seen = input;
    const proxy = new ServiceProxy({ observe: () => seen, run, clock: new FakeClock(), log: silent });
    await proxy.apply();
    state.fail = [new Error('no such chain')];
    seen = more;
    await proxy.apply();
    expect(taken()).toEqual(['whole', 'whole']);
  });

  it('puts the table back when another program flushed it, and survives without nft', async () => {
    const { run, state, taken } = aKernel();
    const clock = new FakeClock();
    const lines: string[] = [];
    const log = createLogger('warn', {}, (line) => lines.push(line));
    const stop = new AbortController();
    state.fail = [missing(), missing()];
    const proxy = new ServiceProxy({ observe: () => input, run, clock, log });
    const done = proxy.run(stop.signal);
    await clock.advance(100_000);
    expect(lines).toHaveLength(1);
    await clock.advance(60_000);
    expect(taken()).toEqual(['whole']);
    state.tables = '';
    await clock.advance(61_000);
    expect(taken()).toEqual(['whole']);
    stop.abort();
    await done;
  });
});
