import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { errorsText } from './configure.plan.ts';
import { readConfigFile } from './configure.ts';

const facts = {
  imageRole: 'agent',
  uniqueName: 'coracle-0a1b2c',
  ownToken: 'ownown.ownownownownowno',
} as const;
const TOKEN = 'abcdef.0123456789abcdef';
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB me@laptop';

const planOf = (text: string | undefined, imageRole: 'server' | 'agent' = 'agent') => {
  const { plan, problems } = readConfigFile(text, { ...facts, imageRole });
  expect(problems).toEqual([]);
  if (!plan) throw new Error('no plan');
  return plan;
};
const problemsOf = (text: string | undefined, imageRole: 'server' | 'agent' = 'agent') =>
  readConfigFile(text, { ...facts, imageRole }).problems;
const fileOf = (plan: ReturnType<typeof planOf>, path: string) =>
  plan.files.find((file) => file.path === path)?.text;

describe('coracle.yaml', () => {
  it('makes an agent with all that a person may say', async () => {
    const plan = planOf(`
name: garage
role: agent
token: ${TOKEN}
server: 192.168.1.10
wifi: { ssid: "Café \\"5\\"", password: 'a "quoted" pass', country: de }
ssh-keys: ["${KEY}"]
time-zone: Europe/Berlin
ntp: [192.168.1.1]
network: { address: 192.168.1.20/24, gateway: 192.168.1.1, dns: [192.168.1.1, 9.9.9.9] }
options: { log-level: debug }
`);
    await expect(stringify(plan)).toMatchFileSnapshot('testdata/agent.yaml');
  });

  it('makes a server of nothing but the image', () => {
    const plan = planOf(undefined, 'server');
    expect(plan).toMatchObject({ name: 'coracle-0a1b2c', role: 'server', ssh: false, timeZone: 'Etc/UTC' });
    expect(plan.start).toEqual(['coracle-server.service', 'coracle-agent.service']);
    expect(JSON.parse(fileOf(plan, '/etc/coracle/config.yaml') ?? '')).toEqual({
      'node-name': 'coracle-0a1b2c',
      server: 'https://127.0.0.1:6443',
      token: facts.ownToken,
    });
  });

  it('gives a server the token that its agents were given, without a pin', () => {
    const plan = planOf(`token: ${TOKEN}@${'a'.repeat(64)}`, 'server');
    expect(JSON.parse(fileOf(plan, '/etc/coracle/config.yaml') ?? '')).toMatchObject({ token: TOKEN });
  });

  it.each([
    ['eth1', 'Name=eth1'],
    ['52:54:00:c0:2a:01', 'MACAddress=52:54:00:c0:2a:01'],
  ])('gives the address to the interface %s', (which, match) => {
    const plan = planOf(`token: ${TOKEN}\nnetwork: { interface: "${which}", address: 10.0.0.2/24 }`);
    expect(fileOf(plan, '/etc/systemd/network/70-coracle-static.network')).toContain(`[Match]\n${match}\n`);
  });

  it('lets an agent find its server, with what Windows makes of a text', () => {
    const plan = planOf(`\ufeffname: garage\r\ntoken: ${TOKEN}\r\n`);
    expect(JSON.parse(fileOf(plan, '/etc/coracle/config.yaml') ?? '')).toEqual({
      'node-name': 'garage',
      token: TOKEN,
    });
  });

  it.each([
    [undefined, ['there is no coracle.yaml here', 'token: an agent needs one']],
    ['', ['token: an agent needs one']],
    ['- a list', ['expected lines of the form', 'token: an agent needs one']],
    ['name: [', ['line 1: ']],
    [`token: ${TOKEN}\nnaem: x`, ['"naem" is not known here']],
    [`token: ${TOKEN}\nssh_keys: []`, ['"ssh_keys" is not known here; "ssh-keys" perhaps?']],
    [`token: ${TOKEN}\nname: My Board`, ['name: "My Board" can\'t be the name']],
    [`token: ${TOKEN}\nrole: master`, ['neither server nor agent']],
    ['token: short', ['token: must be 6 and 16']],
    [`token: ${TOKEN}\nserver: "http://x"`, ['server: "http://x" is not an address']],
    [`token: ${TOKEN}\nserver: "x:99999"`, ['is not an address']],
    [`token: ${TOKEN}\nrole: server\nserver: x`, ['is for agents']],
    [`token: ${TOKEN}\nwifi: home`, ['wifi: expected lines']],
    [`token: ${TOKEN}\nwifi: {ssid: x, password: short, country: DE}`, ['8 to 63 characters']],
    [`token: ${TOKEN}\nwifi: {ssid: x, password: longenough}`, ['two letters']],
    [`token: ${TOKEN}\nssh-keys: "rm -rf /"`, ['is not a public key']],
    [`token: ${TOKEN}\ntime-zone: ../../etc/shadow`, ['is not a time zone']],
    [`token: ${TOKEN}\nnetwork: {address: 192.168.1.20}`, ['with the length of its network']],
    [`token: ${TOKEN}\nnetwork: {address: 192.168.1.20/24, dns: [x]}`, ['"x" is not an address']],
    [
      `token: ${TOKEN}\nnetwork: {address: 10.0.0.2/24, interface: "a b"}`,
      ['neither a name, as eth0, nor a MAC'],
    ],
    [`token: ${TOKEN}\noptions: {log-level: loud}`, ['options: "log-level": "loud" is not one of']],
    [`token: ${TOKEN}\noptions: {nothing: 1}`, ['options: "nothing" is not an option']],
  ])('says what is wrong in %j', (text, expected) => {
    const problems = problemsOf(text);
    expect(problems).toHaveLength(expected.length);
    for (const [index, words] of expected.entries()) expect(problems[index]).toContain(words);
  });

  it('never tells a secret', () => {
    const text = problemsOf(`token: ${TOKEN}x\nwifi: {ssid: x, password: sesame, country: DE}`).join('\n');
    expect(text).not.toMatch(/0123456789abcdef(?! or)x|sesame/);
  });

  it('is answered in a text for people', () => {
    expect(errorsText(['name: is empty'])).toContain('  - name: is empty\r\n');
  });
});
