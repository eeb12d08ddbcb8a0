/**
 * A board that QEMU plays: an image on a disk of its own, UEFI, one network segment that several of them may share. Nothing
 * leaves this machine: the segment is QEMU's own, and its ports are on loopback.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { copyFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Board } from '#firmware/boards/board.ts';
import { HOST_ARCH, installTools } from '#firmware/build/host.ts';
import { run } from '#firmware/build/run.ts';
import { Card, type Settled } from './card.ts';

export interface MachineOptions {
  readonly name: string;
  readonly arch: Board['arch'];
  /** Where disk, firmware variables and the console's log lie. */
  readonly folder: string;
  readonly memoryMiB?: number;
  /** Where the machines reach each other: one listens, the other connects. */
  readonly segment: Segment;
  /**
   * Guest's port to a port of this host's loopback. It needs an interface of its own: QEMU's user network answers for every
   * address that it sees somebody talk to.
   */
  readonly forward?: Readonly<Record<number, number>>;
  /** Beside `forward`: ports of `REACHED` that lead to ports of this host's loopback. */
  readonly reach?: Readonly<Record<number, number>>;
  /** Given, a power cut loses what was not flushed, as these numbers from 0 to 1 have it. */
  readonly chance?: () => number;
  /** A file as a second disk, read-only. */
  readonly beside?: string;
}

export interface Segment {
  readonly port: number;
  readonly first: boolean;
  /** The last byte of the MAC. */
  readonly number: number;
}

/** For a guest with an interface of its own: where a server on this host's loopback is. */
export const REACHED = '10.0.2.100';

const FIRMWARE = {
  amd64: { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' },
  arm64: { code: '/usr/share/AAVMF/AAVMF_CODE.fd', variables: '/usr/share/AAVMF/AAVMF_VARS.fd' },
} as const;

/**
 * A modest processor is the faster one to emulate. And one of AMD's: around each system call of an old one of Intel's the kernel
 * changes page tables (Meltdown), after which the emulator begins anew with what it knew of them.
 */
const EMULATED = { amd64: 'qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt', arm64: 'cortex-a72' } as const;

const TOOLS = {
  amd64: { 'qemu-system-x86_64': 'qemu-system-x86', '/usr/share/OVMF/OVMF_CODE_4M.fd': 'ovmf' },
  arm64: {
    'qemu-system-aarch64': 'qemu-system-arm',
    '/usr/share/AAVMF/AAVMF_CODE.fd': 'qemu-efi-aarch64',
  },
} as const;

export const prepareMachines = (arch: Board['arch'], log: (line: string) => void): Promise<void> =>
  installTools({ ...TOOLS[arch], 'qemu-img': 'qemu-utils', ssh: 'openssh-client' }, log);

/**
 * Whether the guest runs on the processor itself. A machine that is virtual may have a /dev/kvm that only runs kernels made for
 * it (`kvm_pvm`): a real one comes with the processor's own module.
 */
export function accelerated(arch: Board['arch']): boolean {
  if (arch !== HOST_ARCH || !existsSync('/dev/kvm')) return false;
  return arch === 'arm64' || ['kvm_intel', 'kvm_amd'].some((name) => existsSync(`/sys/module/${name}`));
}

export class Machine {
  readonly #options: MachineOptions;
  readonly disk: string;
  readonly #card: Card | undefined;
  #child: ChildProcess | undefined;
  #console = '';
  #ended: Promise<void> = Promise.resolve();

  constructor(options: MachineOptions) {
    this.#options = options;
    this.disk = join(options.folder, `${options.name}.img`);
    this.#card = options.chance && new Card(this.disk, options.chance);
  }

  get name(): string {
    return this.#options.name;
  }

  /** Everything that the console has shown since the first start. */
  get console(): string {
    return this.#console;
  }

  /** Flashes: a copy of the image on a card of this size, and what the owner puts onto its boot partition. */
  async flash(image: string, cardGiB: number, config: string): Promise<void> {
    const { folder, name, arch } = this.#options;
    await run('cp', ['--sparse=always', image, this.disk]);
    await truncate(this.disk, cardGiB * 1024 ** 3);
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, config);
    await run('mcopy', ['-o', '-i', `${this.disk}@@4M`, file, '::/coracle.yaml']);
    await copyFile(FIRMWARE[arch].variables, join(folder, `${name}.vars`));
    await this.#card?.insert();
  }

  /** A file of the boot partition; undefined where there is none. The machine must be off. */
  readBootFile(path: string): Promise<string | undefined> {
    return run('mtype', ['-i', `${this.disk}@@4M`, `::/${path}`]).catch(() => undefined);
  }

  powerOn(): void {
    const { arch } = this.#options;
    const program = arch === 'amd64' ? 'qemu-system-x86_64' : 'qemu-system-aarch64';
    const child = spawn(program, this.#arguments(), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const file = createWriteStream(join(this.#options.folder, `${this.name}.console.log`), { flags: 'a' });
    const hear = (chunk: Buffer): void => {
      file.write(chunk);
      this.#console += chunk.toString('latin1');
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        file.end();
        resolve();
      });
      child.once('error', () => resolve());
    });
  }

  /** The plug is pulled. Gives what a card lost by it, if it is one that does. */
  async cutPower(): Promise<Settled | undefined> {
    const wasOn = this.#child !== undefined;
    this.#child?.kill('SIGKILL');
    await this.#ended;
    this.#child = undefined;
    return wasOn ? this.#card?.settle() : undefined;
  }

  get on(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the console has shown this since `from`; gives the text up to there. */
  async shows(pattern: RegExp, timeoutMs: number, from = 0): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (!pattern.test(this.#console.slice(from))) {
      if (performance.now() > until)
        throw new Error(`${this.name} did not show ${pattern}; its last words:\n${this.lastWords()}`);
      if (!this.on) throw new Error(`${this.name} is off; its last words:\n${this.lastWords()}`);
      await sleep(100);
    }
  }

  lastWords(): string {
    return this.#console.slice(-3000);
  }

  #arguments(): readonly string[] {
    const { name, arch, folder, memoryMiB = 1024, segment, forward = {}, reach = {}, beside } = this.#options;
    const kvm = accelerated(arch);
    const machine = arch === 'amd64' ? 'q35' : 'virt';
    const cpu = kvm ? 'host' : EMULATED[arch];
    const forwards = Object.entries(forward)
      .map(([port, host]) => `,hostfwd=tcp:127.0.0.1:${host}-:${port}`)
      .join('');
    const relay = `${process.execPath} ${join(import.meta.dirname, 'relay.ts')}`;
    const reaches = Object.entries(reach)
      .map(([port, host]) => `,guestfwd=tcp:${REACHED}:${port}-cmd:${relay} ${host}`)
      .join('');
    const end = segment.first ? 'listen' : 'connect';
    const network = [
      ...['-netdev', `socket,id=segment,${end}=127.0.0.1:${segment.port}`],
      ...['-device', `virtio-net-pci,netdev=segment,romfile=,mac=${macOf(segment.number)}`],
      // `restrict`: nothing but what is told here.
      ...(forwards ? ['-netdev', `user,id=host,restrict=on${forwards}${reaches}`] : []),
      ...(forwards ? ['-device', 'virtio-net-pci,netdev=host,romfile='] : []),
    ];
    return [
      ...['-name', name, '-machine', machine, '-cpu', cpu, '-smp', '2', '-m', String(memoryMiB)],
      ...['-accel', kvm ? 'kvm' : 'tcg,thread=multi', '-nodefaults', '-display', 'none'],
      ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
      ...['-drive', `if=pflash,format=raw,readonly=on,file=${FIRMWARE[arch].code}`],
      ...['-drive', `if=pflash,format=raw,file=${join(folder, `${name}.vars`)}`],
      // The host keeps what the guest has flushed even when QEMU is killed: its page cache survives that.
      ...(this.#card?.arguments ?? [
        ...['-drive', `if=none,id=disk,format=raw,file=${this.disk},cache=writeback,discard=unmap`],
      ]),
      ...['-device', `virtio-blk-pci,drive=disk${this.#card ? ',discard=off,write-zeroes=off' : ''}`],
      ...(beside ? ['-drive', `if=virtio,format=raw,readonly=on,file=${beside}`] : []),
      ...['-device', 'virtio-rng-pci', '-device', 'i6300esb'],
      ...network,
    ];
  }
}

/** Of a machine's interface in the segment. */
export const macOf = (number: number): string => `52:54:00:c0:2a:${number.toString(16).padStart(2, '0')}`;
