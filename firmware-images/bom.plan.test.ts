import { expect, it } from 'vitest';
import { planBom } from './bom.plan.ts';

it('names each package once, sorted, with its licence where that is known', () => {
  const bom = JSON.parse(
    planBom({
      name: 'coracle-1.2.3-rpi-server',
      version: '1.2.3',
      arch: 'arm64',
      debian: [
        { name: 'libstdc++6', version: '14.2.0-19' },
        { name: 'dbus', version: '1:1.16-1' },
        { name: 'dbus', version: '1:1.16-1' },
      ],
      npm: [{ name: '@grpc/grpc-js', version: '1.14.7', license: 'Apache-2.0' }],
      nodeVersion: '24.21.0',
    }),
  ) as { bomFormat: string; specVersion: string; components: { purl: string; licenses?: unknown }[] };
  expect([bom.bomFormat, bom.specVersion]).toEqual(['CycloneDX', '1.6']);
  expect(bom.components.map(({ purl }) => purl)).toEqual([
    'pkg:deb/debian/dbus@1%3A1.16-1?arch=arm64',
    'pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=arm64',
    'pkg:generic/coracle@1.2.3',
    'pkg:generic/node@24.21.0',
    'pkg:npm/%40grpc/grpc-js@1.14.7',
  ]);
  expect(bom.components.at(-1)?.licenses).toEqual([{ expression: 'Apache-2.0' }]);
});
