import { parseOwnDevice, parseShare } from '#agent/devices/pattern.plan.ts';
import {
  DEFAULT_EVICTION_HARD,
  durationMs,
  parseGrace,
  parseReclaim,
  parseThreshold,
  type SignalValue,
} from '#agent/eviction/thresholds.plan.ts';
import { parseUnsafeSysctl } from '#agent/pod/sysctls.plan.ts';
import { path } from '#proto/config/options.ts';
import { parseReserved, type Reserved } from './reserved.plan.ts';

const count = (text: string): number => {
  if (!/^[0-9]{1,9}$/.test(text)) throw new Error(`"${text}" is not a whole number`);
  return Number(text);
};

const percent = (text: string): number => {
  if (count(text) > 100) throw new Error(`"${text}" is not within 0-100`);
  return count(text);
};

/** What the board keeps for itself, and what it does when it runs short: the kubelet's flags. */
export const BOARD_OPTIONS = {
  'system-reserved': {
    description: 'kept for the system, not for Pods: cpu, memory, ephemeral-storage, pid, as in memory=100Mi',
    placeholder: 'NAME=QUANTITY',
    list: true,
    defaultValue: [] as readonly Reserved[],
    parse: parseReserved as (text: string) => never,
  },
  'kube-reserved': {
    description: 'kept for Coracle and the container runtime, likewise',
    placeholder: 'NAME=QUANTITY',
    list: true,
    defaultValue: [] as readonly Reserved[],
    parse: parseReserved as (text: string) => never,
  },
  'pod-manifest-path': {
    description: 'a folder of static Pods: manifests that this board runs, with or without a server',
    placeholder: 'DIR',
    defaultValue: '/etc/coracle/manifests',
    parse: path,
  },
  'shutdown-grace-period': {
    description: 'how long Pods have to end when the board is switched off; 0: they end with the system',
    placeholder: 'DURATION',
    defaultValue: 0,
    defaultText: '0s',
    parse: durationMs,
  },
  'shutdown-grace-period-critical-pods': {
    description: 'of that, the time of critical Pods, which end last',
    placeholder: 'DURATION',
    defaultValue: 0,
    defaultText: '0s',
    parse: durationMs,
  },
  'max-pods': {
    description: 'how many Pods the board takes',
    placeholder: 'NUMBER',
    defaultValue: 110,
    defaultText: '110',
    parse: count,
  },
  device: {
    description:
      'devices to offer to Pods as coracle.dev/NAME, beside gpio, i2c, spi, serial, usb and video; * and ? in the last part',
    placeholder: 'NAME=PATH',
    list: true,
    defaultValue: [] as readonly ReturnType<typeof parseOwnDevice>[],
    parse: parseOwnDevice as (text: string) => never,
  },
  'device-share': {
    description: 'how many containers may have a device of this name at a time; 0: it is not offered',
    placeholder: 'NAME=COUNT',
    list: true,
    defaultValue: [] as readonly ReturnType<typeof parseShare>[],
    defaultText: 'gpio=10,i2c=10,spi=10, 1 for others',
    parse: parseShare as (text: string) => never,
  },
  'allowed-unsafe-sysctls': {
    description:
      'kernel parameters that Pods may set beside the safe ones, as in net.core.somaxconn or kernel.msg*',
    placeholder: 'NAME',
    list: true,
    defaultValue: [] as readonly string[],
    parse: parseUnsafeSysctl as (text: string) => never,
  },
  'eviction-hard': {
    description: 'Pods are evicted at once when less than this is left; replaces all defaults',
    placeholder: 'SIGNAL<VALUE',
    list: true,
    defaultValue: DEFAULT_EVICTION_HARD.map(parseThreshold) as readonly SignalValue[],
    defaultText: DEFAULT_EVICTION_HARD.join(','),
    parse: parseThreshold as (text: string) => never,
  },
  'eviction-soft': {
    description: 'Pods are evicted when less than this is left for longer than its grace period',
    placeholder: 'SIGNAL<VALUE',
    list: true,
    defaultValue: [] as readonly SignalValue[],
    parse: parseThreshold as (text: string) => never,
  },
  'eviction-soft-grace-period': {
    description: 'how long a soft threshold is borne, as in memory.available=1m30s',
    placeholder: 'SIGNAL=DURATION',
    list: true,
    defaultValue: [] as readonly ReturnType<typeof parseGrace>[],
    parse: parseGrace as (text: string) => never,
  },
  'eviction-minimum-reclaim': {
    description: 'how much more than the threshold an eviction has to free, as in nodefs.available=500Mi',
    placeholder: 'SIGNAL=VALUE',
    list: true,
    defaultValue: [] as readonly SignalValue[],
    parse: parseReclaim as (text: string) => never,
  },
  'image-gc-high-threshold': {
    description: 'percent of the disk in use at which unused images are removed',
    placeholder: 'PERCENT',
    defaultValue: 85,
    defaultText: '85',
    parse: percent,
  },
  'image-gc-low-threshold': {
    description: 'percent of the disk in use down to which they are removed',
    placeholder: 'PERCENT',
    defaultValue: 80,
    defaultText: '80',
    parse: percent,
  },
  'minimum-image-ttl-duration': {
    description: 'how old an unused image is before it may be removed',
    placeholder: 'DURATION',
    defaultValue: 120_000,
    defaultText: '2m',
    parse: durationMs,
  },
  'eviction-max-pod-grace-period': {
    description: 'the longest time that a Pod gets to end when a soft threshold is met',
    placeholder: 'SECONDS',
    defaultValue: 0,
    defaultText: '0',
    parse: count,
  },
  'eviction-pressure-transition-period': {
    description: 'how long the board says that it is short of something after it no longer is',
    placeholder: 'DURATION',
    defaultValue: 300_000,
    defaultText: '5m',
    parse: durationMs,
  },
} as const;
