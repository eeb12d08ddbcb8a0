import { expect, it } from 'vitest';
import type { ServiceSpec } from '#proto/schema/generated/core-v1.ts';
import { validateAddresses, validateExternalIp } from '#server/registry/core/service-addresses.ts';

it.each<[ServiceSpec, string[]]>([
  [
    {
      clusterIP: '10.43.0.1',
      clusterIPs: ['10.43.0.1'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    },
    [],
  ],
  [
    {
      clusterIP: 'None',
      clusterIPs: ['None'],
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
    },
    [],
  ],
  [
    {
      clusterIP: '10.43.0.1',
      clusterIPs: ['10.43.0.1', 'fd00::1'],
      ipFamilies: ['IPv6', 'IPv4'],
      ipFamilyPolicy: 'RequireDualStack',
    },
    [
      'spec.clusterIPs[0]: Invalid value: "10.43.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
      'spec.clusterIPs[1]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[1]`',
    ],
  ],
  [{ ipFamilies: ['IPv4', 'IPv4'] }, ['spec.ipFamilies[1]: Duplicate value: "IPv4"']],
  [
    { ipFamilies: ['x'], ipFamilyPolicy: 'x' },
    [
      'spec.ipFamilies[0]: Unsupported value: "x": supported values: "IPv4", "IPv6"',
      'spec.ipFamilyPolicy: Unsupported value: "x": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
    ],
  ],
  [
    { clusterIP: '10.43.0.9', clusterIPs: ['10.43.0.8', '10.43.0.7'] },
    [
      'spec.clusterIPs: Invalid value: ["10.43.0.8","10.43.0.7"]: first value must match `clusterIP`',
      'spec.clusterIPs: Invalid value: ["10.43.0.8","10.43.0.7"]: may specify no more than one IP for each IP family',
    ],
  ],
])('addresses %j', (spec, problems) => {
  expect(validateAddresses(spec).map((e) => `${e.field}: ${e.message}`)).toEqual(problems);
});

it.each([
  ['192.0.2.1', []],
  ['x', ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
  ['0.0.0.0', ['may not be unspecified (0.0.0.0)']],
  ['127.0.0.1', ['may not be in the loopback range (127.0.0.0/8, ::1/128)']],
  ['169.254.1.1', ['may not be in the link-local range (169.254.0.0/16, fe80::/10)']],
])('external address %s', (ip, problems) => {
  const found = validateExternalIp(ip, 'p').map((e) =>
    (e.message ?? '').replace(/^Invalid value: "[^"]*": /, ''),
  );
  expect(found).toEqual(problems);
});
