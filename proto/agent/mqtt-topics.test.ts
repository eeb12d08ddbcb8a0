import { expect, it } from 'vitest';
import {
  discoveryTopic,
  nodeAvailability,
  nodeConditions,
  nodeState,
  nodeTopics,
  slug,
} from './mqtt-topics.ts';

it.each([
  [nodeTopics('pi-1'), 'coracle/v1/nodes/pi-1/#'],
  [nodeAvailability('pi-1'), 'coracle/v1/nodes/pi-1/availability'],
  [nodeState('pi.lan'), 'coracle/v1/nodes/pi.lan/state'],
  [nodeConditions('pi-1'), 'coracle/v1/cluster/nodes/pi-1/conditions'],
  [discoveryTopic('coracle_1'), 'homeassistant/device/coracle_1/config'],
])('%s', (topic, wanted) => expect(topic).toBe(wanted));

it('gives different nodes different slugs, of the characters that Home Assistant takes', () => {
  const names = ['pi-1', 'pi.1', 'pi1', 'a.b-c', 'a-b.c', 'a.b.c'];
  const slugs = names.map(slug);
  expect(new Set(slugs).size).toBe(names.length);
  for (const one of slugs) expect(one).toMatch(/^[a-zA-Z0-9_-]+$/);
});
