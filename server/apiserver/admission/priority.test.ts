import { describe, expect, it } from 'vitest';
import { pods } from '#proto/api/core/pods.ts';
import { priorityclasses } from '#proto/api/scheduling/priorityclasses.ts';
import { aPod, aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { ensurePriorityClasses, Priority } from '#server/apiserver/admission/priority.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import { MemoryClient } from '#server/client/memory-client.ts';

const CLASSES = {
  high: { value: 1000, preemptionPolicy: 'Never' },
  usual: { value: 10, globalDefault: true },
};

async function aPlugin(...names: (keyof typeof CLASSES)[]) {
  const { reader, put } = aCluster();
  for (const name of names) await put(priorityclasses, { metadata: { name }, ...CLASSES[name] });
  return new Priority(reader);
}

describe('Priority', () => {
  it.each([
    ['no class at all', [], {}, { priority: 0, preemptionPolicy: 'PreemptLowerPriority' }],
    ['the default class', ['usual', 'high'], {}, { priority: 10, priorityClassName: 'usual' }],
    [
      'its class',
      ['usual', 'high'],
      { priorityClassName: 'high' },
      { priority: 1000, preemptionPolicy: 'Never' },
    ],
    ['a class of the system', [], { priorityClassName: 'system-node-critical' }, { priority: 2_000_001_000 }],
    ['the same number', ['high'], { priorityClassName: 'high', priority: 1000 }, { priority: 1000 }],
  ] as const)('gives a Pod the priority of %s', async (_, classes, spec, expected) => {
    const pod = aPod('web', spec);
    await run(await aPlugin(...classes), aWrite(pods, pod));
    expect(pod.spec).toMatchObject(expected);
  });

  it.each([
    [{ priorityClassName: 'none' }, 'no PriorityClass with name none was found'],
    [
      { priorityClassName: 'high', priority: 7 },
      'the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
    ],
    [
      { priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' },
      'the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name',
    ],
  ])('refuses %o', async (spec, why) => {
    await expect(run(await aPlugin('high'), aWrite(pods, aPod('web', spec)))).rejects.toMatchObject({
      code: 403,
      message: `pods "web" is forbidden: ${why}`,
    });
  });

  it('keeps what an update leaves out', async () => {
    const pod = aPod();
    const oldObject = aPod('web', { priority: 5, preemptionPolicy: 'Never' });
    await run(await aPlugin('usual'), aWrite(pods, pod, { operation: 'UPDATE', oldObject }));
    expect(pod.spec).toMatchObject({ priority: 5, preemptionPolicy: 'Never' });
  });

  it('allows one default class', async () => {
    const plugin = await aPlugin('usual');
    const write = (name: string) =>
      run(plugin, aWrite(priorityclasses, { metadata: { name }, ...CLASSES.usual }));
    await expect(write('usual')).resolves.toBeUndefined();
    await expect(write('other')).rejects.toThrow('PriorityClass usual is already marked as default');
  });

  it('makes the classes of the system, once', async () => {
    const client = new MemoryClient();
    await ensurePriorityClasses(client);
    await ensurePriorityClasses(client);
    const { items } = await client.list(priorityclasses);
    expect(items.map((one) => one.metadata.name).sort()).toEqual([
      'system-cluster-critical',
      'system-node-critical',
    ]);
  });
});
