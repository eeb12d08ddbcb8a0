import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readKubeconfig } from '#server/client/kubeconfig-file.ts';
import { kubeconfigOf } from '#server/pki/kubeconfig.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(content: string, name = 'config'): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const aConfig = (cluster: object, user: object): string =>
  JSON.stringify({
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  });

describe('readKubeconfig', () => {
  it('reads what the server writes', () => {
    const options = { server: 'https://127.0.0.1:6443', ca: 'CA\n', cert: 'CERT\n', key: 'KEY\n' };
    expect(readKubeconfig(write(kubeconfigOf(options)))).toEqual(options);
  });

  it('reads files beside it', () => {
    for (const name of ['ca', 'cert', 'key']) write(name.toUpperCase(), `${name}.pem`);
    const config = aConfig(
      { 'certificate-authority': 'ca.pem' },
      { 'client-certificate': 'cert.pem', 'client-key': join(folder, 'key.pem') },
    );
    expect(readKubeconfig(write(config))).toMatchObject({ ca: 'CA', cert: 'CERT', key: 'KEY' });
  });

  it('reads a token, written or in a file', () => {
    write('from-file\n', 'token');
    expect(readKubeconfig(write(aConfig({}, { token: 't' }))).token).toBe('t');
    expect(readKubeconfig(write(aConfig({}, { tokenFile: 'token' }))).token).toBe('from-file');
  });

  it('takes the first file of a list that exists', () => {
    const path = write(aConfig({}, { token: 't' }));
    expect(readKubeconfig([join(folder, 'none'), path].join(delimiter)).token).toBe('t');
  });

  it('says what to do where the file is missing', () => {
    expect(() => readKubeconfig(join(folder, 'none'))).toThrow(
      /there is no such file: run this on the server as root/,
    );
    expect(() => readKubeconfig(folder)).toThrow(/is a directory/);
  });

  it.each([
    ['a: [', 'it is not YAML'],
    ['- 1', 'it is no kubeconfig'],
    ['kind: Config', 'current-context is not set'],
    ['current-context: x', 'there is no context "x"'],
    [aConfig({}, {}), 'neither a client certificate'],
    [aConfig({ server: 'here' }, { token: 't' }), 'no URL'],
    [aConfig({ 'insecure-skip-tls-verify': true }, { token: 't' }), 'not supported'],
  ])('refuses %j', (content, why) => {
    expect(() => readKubeconfig(write(content))).toThrow(why);
  });
});
