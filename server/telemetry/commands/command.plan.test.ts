import fc from 'fast-check';
import { expect, it } from 'vitest';
import { deploymentRestart, nodeCommand } from '#proto/agent/mqtt-topics.ts';
import { type CommandMessage, parseCommand } from './command.plan.ts';

const message = (topic: string, payload = 'PRESS', more: Partial<CommandMessage> = {}): CommandMessage => ({
  topic,
  payload,
  retained: false,
  expirySeconds: 30,
  ...more,
});
const cordon = nodeCommand('ha', 'pi-1.lan', 'cordon');

it.each([
  [cordon, 'ON', { kind: 'cordon', nodeName: 'pi-1.lan' }],
  [cordon, 'OFF', { kind: 'uncordon', nodeName: 'pi-1.lan' }],
  [cordon, 'PRESS', { kind: 'cordon', nodeName: 'pi-1.lan' }],
  [nodeCommand('ha', 'pi-1', 'uncordon'), 'PRESS', { kind: 'uncordon', nodeName: 'pi-1' }],
  [nodeCommand('ha', 'pi-1', 'drain'), 'PRESS', { kind: 'drain', nodeName: 'pi-1' }],
  [nodeCommand('ha', 'pi-1', 'reboot'), 'PRESS', { kind: 'reboot', nodeName: 'pi-1' }],
  [deploymentRestart('ha', 'home', 'web'), 'PRESS', { kind: 'restart', namespace: 'home', name: 'web' }],
])('%s %s', (topic, payload, wanted) => {
  const path = topic.split('/').slice(4).join('/');
  expect(parseCommand(message(topic, payload))).toEqual({ command: { user: 'ha', path, ...wanted } });
});

it.each([
  ['a payload of another command', message(nodeCommand('ha', 'pi-1', 'drain'), 'ON')],
  ['a payload too long', message(cordon, 'ON ')],
  ['JSON', message(cordon, '{"state":"ON"}')],
  ['nothing', message(cordon, '')],
  ['a path for a name', message('coracle/v1/cmd/ha/nodes/../cordon')],
  ['a name in capitals', message('coracle/v1/cmd/ha/nodes/PI/cordon')],
  ['an action that is none', message('coracle/v1/cmd/ha/nodes/pi-1/delete')],
  ['a level too many', message(`${cordon}/now`)],
  ['no user', message('coracle/v1/cmd//nodes/pi-1/cordon')],
  ['another kind', message('coracle/v1/cmd/ha/namespaces/a/daemonsets/b/restart')],
  ['retained', message(cordon, 'ON', { retained: true })],
  ['without an end', message(cordon, 'ON', { expirySeconds: undefined })],
  ['with an end too far away', message(cordon, 'ON', { expirySeconds: 301 })],
])('refuses %s', (_, given) => expect(parseCommand(given)).toHaveProperty('refusal'));

it('takes nothing else for a command, and never throws', () => {
  const part = fc.oneof(
    fc.constantFrom('coracle', 'v1', 'cmd', 'ha', 'nodes', 'pi', 'namespaces'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 9 }), fc.string({ unit: 'binary' }), (parts, payload) => {
      const parsed = parseCommand(message(parts.join('/'), payload));
      if ('command' in parsed) expect(['ON', 'OFF', 'PRESS']).toContain(payload);
    }),
    { seed: 7, numRuns: 2_000 },
  );
});
