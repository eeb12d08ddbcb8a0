import { type Board, COMMON_DROPPED_MODULES, COMMON_INITRD_MODULES } from './board.ts';

export const amd64Uefi: Board = {
  name: 'amd64-uefi',
  description: 'a 64-bit PC, mini PC or virtual machine with UEFI',
  arch: 'amd64',
  bootLoader: 'systemd-boot',
  kernel: { package: 'linux-image-amd64' },
  filePackages: ['systemd-boot-efi'],
  consoles: ['tty0', 'ttyS0,115200'],
  initrdModules: [...COMMON_INITRD_MODULES, 'drivers/ata', 'arch/x86/crypto', 'drivers/hid'],
  droppedModules: [...COMMON_DROPPED_MODULES, 'drivers/net/wireless/ath', 'drivers/iio'],
  deviceTrees: [],
  bootFiles: [{ from: 'usr/lib/systemd/boot/efi/systemd-bootx64.efi', to: 'EFI/BOOT/BOOTX64.EFI' }],
  systemFiles: [],
};
