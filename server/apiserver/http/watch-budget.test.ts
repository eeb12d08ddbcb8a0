import { expect, it } from 'vitest';
import { WatchBudget } from '#server/apiserver/http/watch-budget.ts';

const MIB = 2 ** 20;

function aReader(budget: WatchBudget) {
  const reader = { waiting: 0 };
  const account = budget.open(() => reader.waiting);
  return {
    account,
    takes: (bytes: number) => {
      reader.waiting += bytes;
      account.settle();
    },
    reads: () => {
      reader.waiting = 0;
      account.drained();
    },
  };
}

it('cuts one that leaves too much waiting', () => {
  const { account, takes } = aReader(new WatchBudget());
  account.started();
  takes(4 * MIB);
  expect(account.isBehind()).toBe(false);
  takes(1);
  expect(account.isBehind()).toBe(true);
});

it('cuts those who are behind when all together leave too much, and spares who reads', () => {
  const budget = new WatchBudget();
  const idle = Array.from({ length: 200 }, () => aReader(budget));
  const quick = aReader(budget);
  for (const { account } of [...idle, quick]) account.started();
  for (const { takes } of idle) takes(100_000);
  quick.takes(1_000);
  expect([idle[0]?.account.isBehind(), quick.account.isBehind()]).toEqual([true, false]);
  for (const { account } of idle.slice(0, 100)) account.close();
  expect(idle[100]?.account.isBehind()).toBe(false);
});

it('lets a long beginning pass, once', () => {
  const { account, takes, reads } = aReader(new WatchBudget());
  takes(30 * MIB);
  expect(account.isBehind()).toBe(false);
  account.started();
  takes(MIB / 32);
  expect(account.isBehind()).toBe(false);
  reads();
  takes(5 * MIB);
  expect(account.isBehind()).toBe(true);
});
