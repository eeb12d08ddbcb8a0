import { describe, expect, it } from 'vitest';
import { aSystem } from './fixtures.ts';
import { planDrain, planUpgrade, progressOf } from './upgrade.plan.ts';

const agents = { board: 'rpi', role: 'agent', version: '1.3.0', sha256: 'x' } as const;
const servers = { board: 'arm64-uefi', role: 'server', version: '1.3.0', sha256: 'y' } as const;
const all = { only: [], again: false, serverVersion: undefined };

describe('the plan of an upgrade', () => {
  it.each([
    [
      'older by a minor release',
      '1.2.9',
      undefined,
      ['would be newer than the server, 1.3.0 and 1.2.9: the server goes first'],
    ],
    ['older by a patch', '1.3.0-rc.1', undefined, []],
    [
      'not flashed, and older',
      undefined,
      '1.2.0',
      ['would be newer than the server, 1.3.0 and 1.2.0: the server goes first'],
    ],
    ['not flashed, and as new', undefined, '1.3.4', []],
  ])('with a server that is %s', (_, flashed, other, reasons) => {
    const boards = [
      { name: 'attic', system: aSystem() },
      {
        name: 'zoo',
        system: flashed === undefined ? undefined : aSystem({ role: 'server', version: flashed }),
      },
    ];
    const { steps, skipped } = planUpgrade(boards, [agents], {
      ...all,
      only: ['attic'],
      serverVersion: other,
    });
    expect(skipped.map(({ reason }) => reason)).toEqual(reasons);
    expect(steps.map(({ node }) => node)).toEqual(reasons.length > 0 ? [] : ['attic']);
  });

  const boards = [
    { name: 'attic', system: aSystem() },
    { name: 'zoo', system: aSystem({ board: 'arm64-uefi', role: 'server' }) },
    { name: 'cellar', system: aSystem({ version: '1.3.0' }) },
    { name: 'barn', system: aSystem({ version: '1.4.0' }) },
    { name: 'old-pc', system: undefined },
    { name: 'trying', system: aSystem({ slot: 'b', state: { good: 'a', try: 'b' } }) },
    { name: 'mill', system: aSystem({ board: 'amd64-uefi' }) },
  ];

  it('begins with the server, then goes by name, and says whom it leaves', () => {
    const { steps, skipped } = planUpgrade(boards, [agents, servers], all);
    expect(steps.map(({ node, upgrade, from }) => [node, upgrade.sha256, from])).toEqual([
      ['zoo', 'y', '1.2.0'],
      ['attic', 'x', '1.2.0'],
    ]);
    expect(Object.fromEntries(skipped.map(({ node, reason }) => [node, reason]))).toEqual({
      cellar: 'has 1.3.0 already',
      barn: 'has 1.4.0, newer than 1.3.0',
      'old-pc': 'was not flashed with an image of Coracle, or is not in reach',
      trying: 'its system is on trial right now',
      mill: 'no upgrade for amd64-uefi, agent among what was given',
    });
  });

  it('keeps to the boards that are named, and does again what is asked for again', () => {
    const { steps, skipped } = planUpgrade(boards, [agents], {
      only: ['cellar', 'nobody'],
      again: true,
      serverVersion: '1.3.0',
    });
    expect(steps.map(({ node }) => node)).toEqual(['cellar']);
    expect(skipped).toEqual([{ node: 'nobody', reason: 'there is no such node' }]);
  });
});

it('moves what has a controller elsewhere, and nothing else', () => {
  const aPod = (name: string, more: object = {}) => ({
    namespace: 'default',
    name,
    controller: 'ReplicaSet' as string | undefined,
    mirror: false,
    finished: false,
    ...more,
  });
  const pods = [
    aPod('web'),
    aPod('log', { controller: 'DaemonSet' }),
    aPod('bare', { controller: undefined }),
    aPod('static', { mirror: true }),
    aPod('done', { finished: true, controller: 'Job' }),
  ];
  expect(planDrain(pods).map(({ name }) => name)).toEqual(['web']);
});

it.each([
  ['is away', undefined, false, 'waiting'],
  ['has not started again yet', aSystem({ state: { good: 'a', try: 'b' } }), true, 'waiting'],
  ['tries the new system', aSystem({ slot: 'b', state: { good: 'a', try: 'b' } }), false, 'waiting'],
  ['has proved the new system', aSystem({ slot: 'b', state: { good: 'b' } }), false, 'done'],
  ['is back on the old system', aSystem({ state: { good: 'a', try: 'b' } }), false, 'rolled back'],
] as const)('a board that %s', (_, system, sameBoot, kind) => {
  expect(progressOf(system, 'a', sameBoot).kind).toBe(kind);
});
