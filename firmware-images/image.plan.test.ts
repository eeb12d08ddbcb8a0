import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { boards } from './boards/index.ts';
import {
  configTxt,
  kernelArguments,
  loaderEntry,
  partitionTable,
  planImage,
  planPartitions,
} from './image.plan.ts';

const board = (name: string) => {
  const found = boards.find((one) => one.name === name);
  if (!found) throw new Error(name);
  return found;
};

describe('the plan of an image', () => {
  it.each(boards.flatMap(({ name }) => [[name, 'server'] as const, [name, 'agent'] as const]))(
    '%s %s',
    async (name, role) => {
      const plan = planImage({
        board: board(name),
        role,
        version: '1.2.3',
        diskId: '0a1b2c3d',
        config: undefined,
      });
      await expect(stringify(plan, { lineWidth: 0 })).toMatchFileSnapshot(`testdata/${name}-${role}.yaml`);
    },
  );

  it('puts what the owner gave onto the boot partition, and no example beside it', () => {
    const plan = planImage({
      board: board('rpi'),
      role: 'agent',
      version: '1.2.3',
      diskId: '0a1b2c3d',
      config: 'name: garage\n',
    });
    expect(plan.bootFiles).toContainEqual({ to: 'coracle.yaml', text: 'name: garage\n' });
    expect(plan.bootFiles.map(({ to }) => to)).not.toContain('coracle.example.yaml');
  });

  it('has partitions that follow each other, FAT first', () => {
    const partitions = planPartitions();
    for (const [index, { startMiB }] of partitions.entries()) {
      const before = partitions[index - 1];
      expect(startMiB).toBe(before ? before.startMiB + before.sizeMiB : 4);
    }
    expect(partitionTable(partitions, '0a1b2c3d')).toBe(
      [
        'label: dos',
        'label-id: 0x0a1b2c3d',
        'start=4MiB, size=512MiB, type=c, bootable',
        'start=516MiB, size=512MiB, type=83',
        'start=1028MiB, size=512MiB, type=83',
        'start=1540MiB, size=128MiB, type=83',
        '',
      ].join('\n'),
    );
  });

  it('asks a Raspberry Pi for the memory controller, and names the disk everywhere', () => {
    for (const one of boards) {
      const args = kernelArguments(one, '0a1b2c3d');
      expect(args).toContain('coracle.disk=0a1b2c3d');
      expect(args.includes('cgroup_enable=memory')).toBe(one.bootLoader === 'raspberry-pi');
    }
  });

  it('names one of two kernels', () => {
    expect(configTxt('b')).toContain('os_prefix=b/\n');
    expect(loaderEntry('b', 7, 'x')).toContain(
      'version 7\nlinux /b/vmlinuz\ninitrd /b/initrd.img\noptions x\n',
    );
  });
});
