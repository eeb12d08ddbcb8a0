import { describe, expect, it } from 'vitest';
import { cidr, hostPort, OptionError, path, resolveOptions, toggle } from './options.ts';

const table = {
  'data-dir': { description: '', defaultValue: '/var/lib/coracle', parse: path },
  'no-agent': { description: '', defaultValue: false, parse: toggle },
  'tls-san': { description: '', defaultValue: [] as string[], list: true, parse: (t: string) => t as never },
} as const;
const none = { flags: {}, environment: {}, file: {} };

describe('resolveOptions', () => {
  it('takes the flag before the environment before the file before the default', () => {
    const all = {
      flags: { 'data-dir': '/flag' },
      environment: { CORACLE_DATA_DIR: '/env' },
      file: { 'data-dir': '/file' },
    };
    expect(resolveOptions(table, none).dataDir).toBe('/var/lib/coracle');
    expect(resolveOptions(table, all).dataDir).toBe('/flag');
    expect(resolveOptions(table, { ...all, flags: {} }).dataDir).toBe('/env');
    expect(resolveOptions(table, { ...all, flags: {}, environment: {} }).dataDir).toBe('/file');
  });

  it('names the place of each bad value, all at once', () => {
    const bad = {
      flags: { 'data-dir': 'here' },
      environment: { CORACLE_NO_AGENT: 'maybe' },
      file: { colour: 'red' },
    };
    expect(() => resolveOptions(table, bad)).toThrow(OptionError);
    expect(() => resolveOptions(table, bad)).toThrow(
      /--data-dir: "here" is not an absolute path\nCORACLE_NO_AGENT: .*\n"colour" in the configuration file/,
    );
  });

  it('reads lists from repeats, commas and YAML sequences', () => {
    for (const value of [['a', 'b'], 'a,b', 'a, b'])
      expect(resolveOptions(table, { ...none, flags: { 'tls-san': value } }).tlsSan).toEqual(['a', 'b']);
    expect(resolveOptions(table, { ...none, flags: { 'tls-san': ['a,b', 'c'] } }).tlsSan).toEqual([
      'a',
      'b',
      'c',
    ]);
  });
});

describe('values', () => {
  it.each([
    ['127.0.0.1:6443', { host: '127.0.0.1', port: 6443 }],
    ['[::1]:6443', { host: '::1', port: 6443 }],
    [':6443', { host: '0.0.0.0', port: 6443 }],
  ])('%s is a host and a port', (text, expected) => expect(hostPort(text)).toEqual(expected));
  it.each(['6443', 'a:b', 'x:70000', '::1:6443'])('%s is not', (text) =>
    expect(() => hostPort(text)).toThrow(),
  );
  it.each(['10.42.0.0', '10.42.0.0/33', '300.0.0.0/8', 'fd00::/8'])('%s is not an IPv4 range', (text) =>
    expect(() => cidr(text)).toThrow(),
  );
});
