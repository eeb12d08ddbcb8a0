import { describe, expect, it } from 'vitest';
import type { FieldError } from '#proto/meta/field-error.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from './default-objects.ts';
import { flowSchema } from './flow-schema.ts';
import { priorityLevelConfiguration } from './priority-level-configuration.ts';

const context = { operation: 'create', subresource: undefined } as never;
const fields = (errors: readonly FieldError[] | undefined) =>
  (errors ?? []).map(({ field }) => field).join(' ');

const schema = (spec: object, name = 'a') =>
  flowSchema.validate?.(
    {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name },
      spec: {
        priorityLevelConfiguration: { name: 'b' },
        matchingPrecedence: 10,
        ...spec,
      },
    } as never,
    context,
  );
const level = (spec: object, name = 'a') =>
  priorityLevelConfiguration.validate?.(
    {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'PriorityLevelConfiguration',
      metadata: { name },
      spec,
    } as never,
    context,
  );
const queue = (queues: number, handSize: number, queueLengthLimit = 50) => ({
  type: 'Limited',
  limited: { limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit } } },
});
const user = { kind: 'User', user: { name: 'u' } };
const get = { verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['*'] };
const rule = (of: object) => ({ rules: [{ subjects: [user], resourceRules: [get], ...of }] });

describe('FlowSchema', () => {
  it.each<[string, object, string]>([
    ['a whole one', rule({}), ''],
    ['a precedence out of bounds', { matchingPrecedence: 10_001 }, 'spec.matchingPrecedence'],
    ['the precedence of exempt', { matchingPrecedence: 1 }, 'spec.matchingPrecedence'],
    ['no level', { priorityLevelConfiguration: { name: '' } }, 'spec.priorityLevelConfiguration.name'],
    ['nobody', rule({ subjects: [] }), 'spec.rules[0].subjects'],
    ['nothing', rule({ resourceRules: [] }), 'spec.rules[0]'],
    ['a subject of no kind', rule({ subjects: [{ kind: 'Foo' }] }), 'spec.rules[0].subjects[0].kind'],
    [
      'a subject of two kinds',
      rule({ subjects: [{ ...user, group: { name: 'g' } }] }),
      'spec.rules[0].subjects[0].group',
    ],
    [
      'an unknown verb',
      rule({ resourceRules: [{ ...get, verbs: ['foo'] }] }),
      'spec.rules[0].resourceRules[0].verbs',
    ],
    [
      'a wildcard beside others',
      rule({ resourceRules: [{ ...get, apiGroups: ['*', 'apps'] }] }),
      'spec.rules[0].resourceRules[0].apiGroups',
    ],
    [
      'neither a namespace nor the cluster',
      rule({ resourceRules: [{ ...get, namespaces: [] }] }),
      'spec.rules[0].resourceRules[0].namespaces',
    ],
    ['the cluster', rule({ resourceRules: [{ ...get, namespaces: [], clusterScope: true }] }), ''],
    [
      'a path with its wildcard inside',
      rule({ nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['/a/*', '/*/a', '/a*'] }] }),
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[1] spec.rules[0].nonResourceRules[0].nonResourceURLs[2]',
    ],
  ])('%s', (_, spec, expected) => {
    expect(fields(schema(spec))).toBe(expected);
  });

  it('keeps what has to be there as it is', () => {
    for (const one of defaultFlowSchemas()) expect(flowSchema.validate?.(one, context)).toEqual([]);
    expect(fields(schema({ matchingPrecedence: 1 }, 'exempt'))).toBe('spec');
  });
});

describe('PriorityLevelConfiguration', () => {
  it.each<[string, object, string]>([
    ['a whole one', queue(64, 6), ''],
    ['a second exempt one', { type: 'Exempt' }, 'spec.type'],
    ['no limits', { type: 'Limited' }, 'spec.limited'],
    ['a hand larger than the deck', queue(4, 8), 'spec.limited.limitResponse.queuing.handSize'],
    ['more hands than the hash tells apart', queue(10_000, 8), 'spec.limited.limitResponse.queuing.handSize'],
    ['no room in a queue', queue(64, 6, -1), 'spec.limited.limitResponse.queuing.queueLengthLimit'],
    [
      'shares out of bounds',
      {
        type: 'Limited',
        limited: {
          nominalConcurrencyShares: -1,
          lendablePercent: 101,
          borrowingLimitPercent: -1,
          limitResponse: { type: 'Reject' },
        },
      },
      'spec.limited.nominalConcurrencyShares spec.limited.lendablePercent spec.limited.borrowingLimitPercent',
    ],
  ])('%s', (_, spec, expected) => {
    expect(fields(level(spec))).toBe(expected);
  });

  it('keeps what has to be there as it is, but for the share of the exempt level', () => {
    for (const one of defaultPriorityLevels())
      expect(priorityLevelConfiguration.validate?.(one, context)).toEqual([]);
    expect(level({ type: 'Exempt', exempt: { nominalConcurrencyShares: 9 } }, 'exempt')).toEqual([]);
    expect(fields(level(queue(64, 6), 'catch-all'))).toBe('spec');
  });
});
