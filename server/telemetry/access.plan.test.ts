import { describe, expect, it } from 'vitest';
import { nodeTopics } from '#proto/agent/mqtt-topics.ts';
import { type MqttUser, planGrants, topicMatches } from './access.plan.ts';

const aUser = (name: string, access: MqttUser['access']): MqttUser => ({ name, access, passwordHash: '' });
const grants = planGrants({
  nodeNames: ['pi-2', 'pi-1'],
  users: [aUser('telegraf', 'read-only'), aUser('home-assistant', 'read-write')],
});
const mayWrite = (user: string, topic: string): boolean =>
  grants.find((grant) => grant.user === user)?.write.some((filter) => topicMatches(filter, topic)) ?? false;

it('lets a board write below its own name and read nothing', () => {
  expect(grants.find(({ user }) => user === 'system:node:pi-1')).toEqual({
    user: 'system:node:pi-1',
    read: [],
    write: [nodeTopics('pi-1')],
  });
});

it.each([
  ['system:node:pi-1', 'coracle/v1/nodes/pi-1/state', true],
  ['system:node:pi-1', 'coracle/v1/nodes/pi-2/state', false],
  ['system:node:pi-1', 'coracle/v1/nodes/pi-11/state', false],
  ['system:node:pi-1', 'homeassistant/device/x/config', false],
  ['system:node:pi-3', 'coracle/v1/nodes/pi-3/state', false],
  ['home-assistant', 'homeassistant/status', true],
  ['home-assistant', 'homeassistant/device/x/config', false],
  ['home-assistant', 'coracle/v1/cmd/home-assistant/nodes/pi-1/cordon', true],
  ['home-assistant', 'coracle/v1/cmd/telegraf/nodes/pi-1/cordon', false],
  ['telegraf', 'coracle/v1/cmd/telegraf/nodes/pi-1/cordon', false],
  ['telegraf', 'homeassistant/status', true],
  ['system:coracle:telemetry', 'coracle/v1/nodes/pi-1/availability', true],
  ['system:coracle:telemetry', 'coracle/v1/nodes/pi-1/state', true],
  ['system:coracle:telemetry', 'coracle/v1/nodes/pi-1/note', false],
])('%s writes %s: %s', (user, topic, allowed) => {
  expect(mayWrite(user, topic)).toBe(allowed);
});

describe('filters', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/b/c', false],
    ['a/b/c', 'a/b', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'ab', false],
    ['#', 'a/b', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['+', 'a', true],
    ['+', '/a', false],
    ['/+', '/a', true],
    ['a/+/c', 'a//c', true],
    ['a/+', 'a/b/c', false],
  ])('%s and %s: %s', (filter, topic, matches) => {
    expect(topicMatches(filter, topic)).toBe(matches);
  });
});
