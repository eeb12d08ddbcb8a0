import { describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import { aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { taintNodesByCondition } from '#server/apiserver/admission/taint-nodes.ts';

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
const OWN = { key: 'own', effect: 'NoExecute' };

describe('TaintNodesByCondition', () => {
  it.each([
    [undefined, [NOT_READY]],
    [[OWN], [OWN, NOT_READY]],
    [[NOT_READY], [NOT_READY]],
  ])('taints a new node with %o', async (taints, expected) => {
    const node: Node = { metadata: { name: 'pi' }, spec: { taints } };
    await run(taintNodesByCondition, aWrite(nodes, node));
    expect(node.spec.taints).toEqual(expected);
  });
});
