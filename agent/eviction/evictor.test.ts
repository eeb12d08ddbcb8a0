import { describe, expect, it } from 'vitest';
import { aSample } from '#agent/node/fixtures.ts';
import { NodeMetrics, type NodeSample } from '#agent/node/metrics.ts';
import { aPod } from '#agent/pod/fixtures.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { Evictor } from './evictor.ts';
import { PressureGauge } from './gauge.ts';
import type { PodUse } from './rank.plan.ts';
import { parseThreshold, planThresholds } from './thresholds.plan.ts';

const Mi = 1024 * 1024;
const short = aSample({ memoryAvailableBytes: 50 * Mi });
const full = aSample({ disk: { totalBytes: 100, availableBytes: 5, inodes: 0, freeInodes: 0 } });
const named = (name: string, spec: Partial<Pod['spec']> = {}): Pod => aPod(spec, { name, uid: name });
const using = (memoryMi: number): PodUse => ({
  memoryBytes: memoryMi * Mi,
  processes: 1,
  disk: { bytes: 0, inodes: 0 },
  containers: [],
});

function board(pods: Pod[], after: NodeSample = aSample()) {
  const clock = new FakeClock();
  const evicted: string[] = [];
  const events: string[] = [];
  let reclaimed = 0;
  const hard = ['memory.available<100Mi', 'nodefs.available<10%'].map(parseThreshold);
  const gauge = new PressureGauge(planThresholds({ hard, soft: [], softGrace: [], minReclaim: [] }), 300_000);
  const evictor = new Evictor({
    gauge,
    metrics: new NodeMetrics(),
    uses: {
      measure: async () => new Map(pods.map((pod, index) => [pod.metadata.uid ?? '', using(index * 10)])),
      written: async () =>
        new Map([
          ['limited', { volumes: new Map([['v', { bytes: 11 * Mi, inodes: 1 }]]), containers: new Map() }],
        ]),
    },
    maxPodGraceSeconds: 0,
    pods: () => pods,
    evict: (uid, { graceSeconds, isDisruption }) =>
      evicted.push(`${uid} ${graceSeconds} ${isDisruption ?? false}`),
    reclaimDisk: async () => {
      reclaimed++;
    },
    resample: async () => after,
    event: (_type, reason, message) => events.push(`${reason}: ${message}`),
    clock,
    log: silent,
  });
  return { evictor, gauge, clock, evicted, events, pods, reclaimed: () => reclaimed };
}

describe('a board that runs short', () => {
  it('ends one Pod at a time, the largest first, and the next when that one is gone', async () => {
    const { evictor, gauge, evicted, events, pods } = board([named('small'), named('large')]);
    await evictor.observe(short);
    await evictor.observe(short);
    expect(gauge.conditions).toEqual(['MemoryPressure']);
    expect(evicted).toEqual(['large 1 true']);
    expect(events).toEqual(['EvictionThresholdMet: Attempting to reclaim memory']);
    pods.pop();
    await evictor.observe(short);
    expect(evicted).toEqual(['large 1 true', 'small 1 true']);
  });

  it('goes on after half a minute with one that does not end', async () => {
    const { evictor, clock, evicted } = board([named('stuck')]);
    await evictor.observe(short);
    await clock.advance(29_000);
    await evictor.observe(short);
    expect(evicted).toHaveLength(1);
    await clock.advance(1_000);
    await evictor.observe(short);
    expect(evicted).toHaveLength(2);
  });

  it('spares critical Pods, even where there are no others', async () => {
    const { evictor, evicted } = board([named('critical', { priority: 2_000_000_000 })]);
    await evictor.observe(short);
    expect(evicted).toEqual([]);
  });

  it('ends nobody where the disk can be had without', async () => {
    const enough = board([named('web')]);
    await enough.evictor.observe(full);
    expect([enough.reclaimed(), enough.evicted]).toEqual([1, []]);
    const tooLittle = board([named('web')], full);
    await tooLittle.evictor.observe(full);
    expect([tooLittle.reclaimed(), tooLittle.evicted]).toEqual([1, ['web 1 true']]);
  });

  it('ends who wrote more than its limit, and looks rarely', async () => {
    const spec = { volumes: [{ name: 'v', emptyDir: { sizeLimit: '10Mi' } }] };
    const { evictor, clock, evicted } = board([named('limited', spec)]);
    await evictor.observe(aSample());
    expect(evicted).toEqual(['limited 1 false']);
    await clock.advance(30_000);
    await evictor.observe(aSample());
    expect(evicted).toHaveLength(2);
    await evictor.observe(aSample());
    expect(evicted).toHaveLength(2);
  });
});
