import { type Board, COMMON_DROPPED_MODULES, COMMON_INITRD_MODULES } from './board.ts';

/**
 * Kernel from backports: the stable one has neither the SD controller nor the RP1 (Ethernet, USB) of the Raspberry Pi 5.
 * A Pi boots what `config.txt` names and knows no second try for a kernel that mainline could ask for, so a new
 * kernel follows only after the new system has proved itself with the old one.
 */
export const rpi: Board = {
  name: 'rpi',
  description: 'Raspberry Pi 3, 4, 5 and Zero 2 W',
  arch: 'arm64',
  bootLoader: 'raspberry-pi',
  kernel: { package: 'linux-image-arm64', suite: 'trixie-backports' },
  filePackages: ['raspi-firmware', 'firmware-brcm80211'],
  // ttyS1 is the header's serial port on a Pi 3 and 4, ttyAMA10 the debug port of a Pi 5.
  consoles: ['ttyAMA10,115200', 'ttyAMA0,115200', 'ttyS1,115200', 'tty0'],
  initrdModules: [
    ...COMMON_INITRD_MODULES,
    'drivers/regulator',
    'drivers/gpio',
    'drivers/dma',
    'drivers/firmware',
    'drivers/pinctrl',
    'drivers/clk/bcm',
    'drivers/clk/clk-rp1',
    'drivers/reset',
    'drivers/soc/bcm',
    'drivers/mailbox',
    'drivers/mfd',
    'drivers/usb/dwc2',
    'drivers/usb/gadget/udc/udc-core',
    'drivers/usb/dwc3',
    'drivers/usb/roles',
    'drivers/usb/phy',
    'drivers/phy/broadcom',
    'drivers/pci/controller',
    'drivers/misc/rp1',
    'drivers/watchdog/bcm2835_wdt',
    'drivers/char/hw_random',
    'drivers/pmdomain',
    'arch/arm64/crypto',
  ],
  droppedModules: [
    ...COMMON_DROPPED_MODULES,
    'drivers/iio',
    'drivers/net/ethernet/intel',
    ...['intel', 'ath', 'marvell', 'ti', 'st', 'silabs', 'purelifi', 'quantenna'].map(
      (vendor) => `drivers/net/wireless/${vendor}`,
    ),
  ],
  deviceTrees: ['bcm2711-rpi-*.dtb', 'bcm2712-*.dtb', 'bcm2837-rpi-*.dtb'],
  bootFiles: [
    { from: 'usr/lib/raspi-firmware/bootcode.bin', to: '' },
    // `_cd`, without a camera and codecs, is what gpu_mem=16 asks for.
    { from: 'usr/lib/raspi-firmware/start{,_cd,4,4cd}.elf', to: '' },
    { from: 'usr/lib/raspi-firmware/fixup{,_cd,4,4cd}.dat', to: '' },
    { from: 'usr/share/doc/raspi-firmware/copyright', to: 'LICENCE.raspi-firmware' },
  ],
  systemFiles: [
    'usr/lib/firmware/brcm/brcmfmac434*',
    'usr/lib/firmware/cypress/cyfmac434*',
    'usr/lib/firmware/cypress/cyfmac43455*',
  ],
};
