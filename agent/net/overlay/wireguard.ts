/** The board's WireGuard device and key. Loaded only where the cluster asks for it. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import type { Cluster } from '../../link/cluster.ts';
import { isMissing, type Run } from '../run.ts';
import { type TunnelPeer, WIREGUARD_KEY } from './paths.plan.ts';
import {
  isWireguardKey,
  planWireguardConfig,
  planWireguardDevice,
  WIREGUARD_DEVICE,
  type WireguardEnd,
  type WireguardPresent,
} from './wireguard.plan.ts';

export interface WireguardOptions {
  /** The private key's, for root only; made when there is none. */
  readonly keyFile: string;
  readonly cluster: Cluster;
  readonly run: Run;
}

/** X25519 in PKCS #8 and SPKI: a fixed head before the 32 bytes. RFC 8410. */
const PRIVATE_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex');

export class Wireguard {
  readonly #options: WireguardOptions;
  readonly #privateKey: string;
  readonly publicKey: string;
  #applied = '';

  constructor(options: WireguardOptions) {
    this.#options = options;
    this.#privateKey = keyIn(options.keyFile);
    this.publicKey = publicOf(this.#privateKey);
  }

  /** Tells the other boards, by the Node; nothing while the server is away. */
  async publish({ metadata }: Node): Promise<void> {
    const { cluster } = this.#options;
    if (!cluster.connected || metadata.annotations?.[WIREGUARD_KEY] === this.publicKey) return;
    const body = { metadata: { annotations: { [WIREGUARD_KEY]: this.publicKey } } };
    await cluster.api('PATCH', `/api/v1/nodes/${metadata.name}`, body, 'application/merge-patch+json');
  }

  /** Rejects with what the board lacks. */
  async apply(end: Omit<WireguardEnd, 'privateKey'>, peers: readonly TunnelPeer[]): Promise<void> {
    const { run } = this.#options;
    const own = { ...end, privateKey: this.#privateKey };
    const present = await this.#present();
    const device = planWireguardDevice(own, present);
    if (!present.device) {
      this.#applied = '';
      await this.#add(device);
    } else if (device.length > 0) await this.#ip(device);
    const config = planWireguardConfig(own, peers);
    if (config === this.#applied) return;
    try {
      await run('wg', ['syncconf', WIREGUARD_DEVICE, '/dev/stdin'], config);
    } catch (err) {
      if (!isMissing(err)) throw err;
      throw new Error('wg is not installed (wireguard-tools): pods of other boards are not reached', {
        cause: err,
      });
    }
    this.#applied = config;
  }

  async #add(commands: readonly string[]): Promise<void> {
    try {
      await this.#ip(commands);
    } catch {
      await this.#options.run('modprobe', ['wireguard']).catch(() => {});
      await this.#ip(commands).catch((err: unknown) => {
        throw new Error(
          "this board's kernel has no WireGuard: pods of other boards are not reached. Install its module, or run the server with another --network",
          { cause: err },
        );
      });
    }
  }

  async #present(): Promise<WireguardPresent> {
    const text = await this.#options
      .run('ip', ['-json', 'address', 'show', 'dev', WIREGUARD_DEVICE])
      .catch(() => '[]');
    const [link] = JSON.parse(text.trim() || '[]') as readonly {
      mtu: number;
      flags?: readonly string[];
      addr_info?: readonly { local?: string; prefixlen?: number }[];
    }[];
    return {
      device: link && { mtu: link.mtu, up: link.flags?.includes('UP') ?? false },
      addresses: (link?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    };
  }

  async #ip(commands: readonly string[]): Promise<void> {
    await this.#options.run('ip', ['-batch', '-'], commands.map((line) => `${line}\n`).join(''));
  }
}

function keyIn(file: string): string {
  try {
    const text = readFileSync(file, 'utf8').trim();
    if (isWireguardKey(text)) return text;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
  }
  const { privateKey } = generateKeyPairSync('x25519');
  const key = privateKey
    .export({ format: 'der', type: 'pkcs8' })
    .subarray(PRIVATE_HEAD.length)
    .toString('base64');
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileAtomic(file, `${key}\n`, 0o600);
  return key;
}

function publicOf(privateKey: string): string {
  const key = createPrivateKey({
    key: Buffer.concat([PRIVATE_HEAD, Buffer.from(privateKey, 'base64')]),
    format: 'der',
    type: 'pkcs8',
  });
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}
