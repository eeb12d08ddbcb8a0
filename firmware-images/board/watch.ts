/**
 * Whether this system is healthy: its agent has reached its server (on a server that is its own). A slot on trial that is
 * healthy is marked good; one that is not within the time is given up, and the board starts again with the one before. What does
 * not even come so far is counted by the initrd.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BootPartition } from './boot-partition.ts';
import { readImage } from './configure.ts';
import { followKernel, type KernelDeps } from './kernel-switch.ts';
import { readBootInfo, readState, writeState } from './slots.ts';

/** The agent keeps it while it is connected. */
export const LINKED_FILE = '/run/coracle/linked';
export const STATUS_FILE = 'CORACLE-STATUS.txt';

/** A Pi 3 with a slow card needs minutes for its first Pods. */
const TRIAL_MS = 10 * 60_000;
const POLL_MS = 1_000;
/** It must hold for so long. */
const STEADY_MS = 10_000;

export async function watch(boot: BootPartition, say: (line: string) => void): Promise<void> {
  const { slot } = readBootInfo();
  const onTrial = readState().try === slot && readState().good !== slot;
  const began = performance.now();
  let since: number | undefined;
  while (since === undefined || performance.now() - since < (onTrial ? STEADY_MS : 0)) {
    if (onTrial && performance.now() - began > TRIAL_MS) {
      say(`slot ${slot} did not become healthy in ${TRIAL_MS / 60_000} minutes, back to the one before`);
      writeState({ ...readState(), try: undefined, left: 0 });
      spawnSync('systemctl', ['reboot'], { stdio: 'inherit' });
      return;
    }
    await sleep(POLL_MS);
    since = existsSync(LINKED_FILE) ? (since ?? performance.now()) : undefined;
  }
  if (onTrial) {
    writeState({ good: slot, try: undefined, left: 0 });
    say(`slot ${slot} is healthy and good from now on`);
  }
  if (followKernel(kernelDeps(boot))) say('the kernel of this system starts with the next boot');
  boot.put(STATUS_FILE, statusText());
}

export const kernelDeps = (boot: BootPartition): KernelDeps => ({
  boot,
  bootLoader: readImage().bootLoader,
  commandLine: readFileSync('/proc/cmdline', 'utf8'),
  kernel: join(import.meta.dirname, 'boot'),
});

function statusText(): string {
  const { board, role, version } = readImage();
  const name = readFileSync('/etc/hostname', 'utf8').trim();
  const { slot } = readBootInfo();
  const addresses = Object.entries(networkInterfaces())
    .filter(([device]) => !/^(lo|cni|veth|coracle|flannel|vxlan|wg)/.test(device))
    .flatMap(([, found]) => found ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
  return [
    `${name} is part of the cluster.`,
    '',
    `role:      ${role}`,
    `addresses: ${addresses.join(', ')}`,
    `version:   Coracle ${version} for ${board}, slot ${slot}`,
    ...(role === 'server'
      ? ['', 'For kubectl: ssh to this board, /etc/coracle/kubeconfig.yaml is the administrator.']
      : []),
    '',
  ].join('\r\n');
}
