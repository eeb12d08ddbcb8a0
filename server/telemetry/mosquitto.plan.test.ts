import { expect, it } from 'vitest';
import type { MqttUser } from './access.plan.ts';
import {
  type MosquittoPaths,
  planMosquittoAcl,
  planMosquittoConfig,
  planMosquittoPasswords,
} from './mosquitto.plan.ts';
import { hashPassword, isPassword, isPasswordHash } from './mosquitto-password.ts';

const paths: MosquittoPaths = {
  ca: '/run/m/ca.crt',
  cert: '/run/m/server.crt',
  key: '/run/m/server.key',
  acl: '/run/m/acl',
  passwords: '/run/m/passwords',
};
const boards = { host: '0.0.0.0', port: 8883 };
const people = { host: '0.0.0.0', port: 8884 };
const telegraf: MqttUser = { name: 'telegraf', access: 'read-only', passwordHash: '' };
const homeAssistant: MqttUser = { name: 'home-assistant', access: 'read-write', passwordHash: '' };

it('configures a listener for certificates, one for passwords, and one on loopback', () => {
  expect(planMosquittoConfig(paths, { boards, people, localPort: 1883 })).toMatchInlineSnapshot(`
    "# Written by Coracle at each start of the server; changes are lost.
    allow_anonymous false
    password_file /run/m/passwords
    acl_file /run/m/acl
    persistence false
    sys_interval 0
    connection_messages false
    log_dest stderr
    log_timestamp false
    log_type error
    log_type warning
    max_queued_messages 500
    max_queued_bytes 1048576
    message_size_limit 32768
    max_packet_size 40960
    max_keepalive 600
    persistent_client_expiration 1d
    memory_limit 67108864

    listener 8883 0.0.0.0
    max_connections 1000
    cafile /run/m/ca.crt
    certfile /run/m/server.crt
    keyfile /run/m/server.key
    require_certificate true
    use_identity_as_username true

    listener 8884 0.0.0.0
    max_connections 1000
    cafile /run/m/ca.crt
    certfile /run/m/server.crt
    keyfile /run/m/server.key

    listener 1883 127.0.0.1
    max_connections 1000
    "
  `);
});

it('goes without the local listener where its port is taken', () => {
  const config = planMosquittoConfig(paths, { boards, people, localPort: undefined });
  expect(config).not.toContain('127.0.0.1');
  expect(config.match(/^listener /gm)).toHaveLength(2);
});

it('says nothing of a listener before the first one, which would open another', () => {
  const global =
    planMosquittoConfig(paths, { boards, people, localPort: 1883 }).split('\nlistener ')[0] ?? '';
  expect(global).not.toMatch(/^(max_connections|cafile|certfile|require_|use_)/m);
});

it('lets each board write below its own name, and people read, and command in their own name', () => {
  expect(
    planMosquittoAcl({ nodeNames: ['pi-2', 'pi-1.lan'], users: [telegraf, homeAssistant] }),
  ).toMatchInlineSnapshot(`
    "user system:coracle:telemetry
    topic read coracle/v1/#
    topic read homeassistant/#
    topic write coracle/v1/cluster/#
    topic write coracle/v1/nodes/+/availability
    topic write coracle/v1/nodes/+/state
    topic write coracle/v1/cmd/#
    topic write homeassistant/#

    user home-assistant
    topic read coracle/v1/#
    topic read homeassistant/#
    topic write homeassistant/status
    topic write coracle/v1/cmd/home-assistant/#

    user telegraf
    topic read coracle/v1/#
    topic read homeassistant/#
    topic write homeassistant/status

    user system:node:pi-1.lan
    topic write coracle/v1/nodes/pi-1.lan/#

    user system:node:pi-2
    topic write coracle/v1/nodes/pi-2/#
    "
  `);
});

it('gives no rights to nobody', () => {
  // Rules before the first user would be everybody's.
  expect(planMosquittoAcl({ nodeNames: [], users: [] })).toMatch(/^user /);
});

it('writes passwords as mosquitto_passwd does, and knows them again', async () => {
  const salt = Buffer.from('AAECAwQFBgcICQoL', 'base64');
  const hash = hashPassword('secret', salt);
  expect(hash).toMatch(/^\$7\$101\$AAECAwQFBgcICQoL\$[A-Za-z0-9+/]{86}==$/);
  expect(planMosquittoPasswords({ nodeNames: [], users: [{ ...telegraf, passwordHash: hash }] })).toBe(
    `telegraf:${hash}\n`,
  );
  expect(await isPassword('secret', hash)).toBe(true);
  expect(await isPassword('Secret', hash)).toBe(false);
});

it.each(['', 'secret', '$6$salt$hash', '$7$101$a$b', '$7$9999999$AAECAwQFBgcICQoL$x\nroot:y'])(
  'takes %j for no hash',
  async (text) => {
    expect(isPasswordHash(text)).toBe(false);
    expect(await isPassword('secret', text)).toBe(false);
  },
);
