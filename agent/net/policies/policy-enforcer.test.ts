import { describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { DesiredState } from '../../link/cluster.ts';
import type { Sandbox } from '../../runtime/runtime.ts';
import type { Run } from '../run.ts';
import { aPolicy } from './fixtures.ts';
import { Policies } from './policies.ts';
import { PolicyEnforcer } from './policy-enforcer.ts';

const web: Pod = {
  metadata: { namespace: 'default', name: 'web', uid: 'u1', labels: { app: 'web' } },
  spec: { containers: [] },
};
const deny = aPolicy('deny', 'web');

/** A board with Pod `web`, whose sandbox has an address when told. */
function aBoard() {
  const state = {
    policies: [] as KubeObject[],
    pods: [web],
    sandboxes: [] as { id: string; uid: string; ready: boolean }[],
    ips: ['10.42.1.5'],
    refuse: false,
    lists: 0,
  };
  const scripts: string[] = [];
  const run: Run = async (_program, args, text = '') => {
    if (args[0] === 'list') return 'table inet coracle-policy\n';
    if (state.refuse) throw new Error('refused');
    scripts.push(text);
    return '';
  };
  const options = {
    desired: {
      complete: true,
      pods: () => state.pods,
      list: (plural: string) => (plural === 'networkpolicies' ? state.policies : []),
    } as unknown as DesiredState,
    runtime: {
      list: async () => {
        state.lists++;
        return { sandboxes: state.sandboxes as unknown as Sandbox[], containers: [] };
      },
      sandboxStatus: async (id: string) => ({ id, ip: state.ips[0], ips: state.ips }) as never,
    },
    run,
    enabled: () => true,
    clock: new FakeClock(),
    log: silent,
  };
  return { state, scripts, options };
}

describe('PolicyEnforcer', () => {
  it('lets a container start when its Pod is isolated, and not before', async () => {
    const { state, scripts, options } = aBoard();
    const enforcer = new PolicyEnforcer(options);
    state.policies = [deny];
    await expect(enforcer.admit('u1')).rejects.toThrow('no address');
    state.sandboxes = [{ id: 's1', uid: 'u1', ready: true }];
    state.refuse = true;
    await expect(enforcer.admit('u1')).rejects.toThrow('refused');
    state.refuse = false;
    await enforcer.admit('u1');
    expect(scripts.at(-1)).toContain('ingress-4 { 10.42.1.5 : goto pod-in/default/web }');
  });

  it('asks nothing of the kernel for a Pod that no policy selects', async () => {
    const { state, scripts, options } = aBoard();
    const enforcer = new PolicyEnforcer(options);
    state.policies = [aPolicy('deny', 'db')];
    await enforcer.admit('u1');
    await enforcer.admit('u1');
    expect(scripts.length).toBe(1); // the empty table
    expect(state.lists).toBe(0);
  });

  it('gives back the address of a Pod that is gone, and the table after the last policy', async () => {
    const { state, scripts, options } = aBoard();
    const enforcer = new PolicyEnforcer(options);
    state.policies = [deny];
    state.sandboxes = [{ id: 's1', uid: 'u1', ready: true }];
    await enforcer.apply();
    state.sandboxes = [{ id: 's1', uid: 'u1', ready: false }];
    await enforcer.apply();
    expect(scripts.at(-1)).toContain('delete element inet coracle-policy ingress-4 { 10.42.1.5 }');
    state.policies = [];
    await enforcer.apply();
    expect(scripts.at(-1)).toMatch(/delete table inet coracle-policy\n$/);
    await enforcer.apply();
    expect(scripts.length).toBe(3);
  });
});

it('Policies removes what an earlier agent left, and does no more until there are some', async () => {
  const { state, scripts, options } = aBoard();
  const stop = new AbortController();
  const policies = new Policies(options, stop.signal);
  const running = policies.run();
  await policies.admit('u1');
  stop.abort();
  await running;
  expect(scripts).toEqual(['table inet coracle-policy\ndelete table inet coracle-policy\n']);
  expect(state.lists).toBe(0);
});
