import { expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { Ticks } from './ticks.ts';

function setUp() {
  let sleeps = 0;
  class Counting extends FakeClock {
    override sleep(ms: number, signal?: AbortSignal): Promise<void> {
      sleeps++;
      return super.sleep(ms, signal);
    }
  }
  const clock = new Counting(0);
  const ran: string[] = [];
  return {
    clock,
    ticks: new Ticks(clock),
    ran,
    task: (name: string) => () => void ran.push(`${name}@${clock.now()}`),
    sleeps: () => sleeps,
  };
}

it('runs what is due together with one timer', async () => {
  const { clock, ticks, ran, task, sleeps } = setUp();
  for (const name of ['a', 'b', 'c']) ticks.at(500, task(name));
  await clock.advance(499);
  expect(ran).toEqual([]);
  await clock.advance(1);
  expect(ran).toEqual(['a@500', 'b@500', 'c@500']);
  expect(sleeps()).toBe(1);
});

it('wakes earlier for what comes later, and at once for what is past', async () => {
  const { clock, ticks, ran, task } = setUp();
  await clock.advance(100);
  ticks.at(900, task('late'));
  ticks.at(400, task('early'));
  ticks.at(50, task('past'));
  await clock.advance(1000);
  expect(ran).toEqual(['past@100', 'early@400', 'late@900']);
});

it('forgets what is taken back', async () => {
  const { clock, ticks, ran, task } = setUp();
  const cancel = ticks.at(100, task('a'));
  ticks.at(100, task('b'));
  cancel();
  cancel();
  ticks.at(200, task('c'))();
  await clock.advance(1000);
  expect(ran).toEqual(['b@100']);
});

it('lets a task ask for its next turn, and take back one that is due with it', async () => {
  const { clock, ticks, ran, task } = setUp();
  const again = (at: number): void => {
    task('again')();
    if (at < 3000) ticks.at(at + 1000, () => again(at + 1000));
  };
  ticks.at(1000, () => {
    cancel();
    again(1000);
  });
  const cancel = ticks.at(1000, task('never'));
  await clock.advance(10_000);
  expect(ran).toEqual(['again@1000', 'again@2000', 'again@3000']);
});
