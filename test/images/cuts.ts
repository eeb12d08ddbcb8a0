/**
 * The plug is pulled at random moments, of writing and of an upgrade: the board boots each time, and what the API had
 * acknowledged is there. QEMU is killed, and the host keeps what the guest had flushed: this is about the order of our writes,
 * not about what a card does with them.
 */
import { createReadStream } from 'node:fs';
import { request } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { HttpClient } from '#server/client/http-client.ts';
import { readKubeconfig } from '#server/client/kubeconfig-file.ts';
import { patiently } from './cluster.ts';
import type { Images } from './images.ts';
import { accelerated } from './machine.ts';
import { expect, type Step } from './step.ts';
import { clusterOf, patience, type Shared } from './uefi.ts';

const VERSION = '92.0.0';

export function cutSteps(
  images: Images,
  shared: Shared,
  { count, seed }: { readonly count: number; readonly seed: number },
): readonly Step[] {
  const limit = patience(images);
  // An emulated board takes that much longer for the same work.
  const longestMs = accelerated(images.board.arch) ? 8_000 : 90_000;

  return [
    {
      name: 'cuts',
      run: async () => {
        const { server, kubeconfig } = clusterOf(shared);
        const file = await images.upgrade('server', VERSION);
        const random = mulberry32(seed);
        const acknowledged: string[] = [];
        const lines: string[] = [];
        for (let cut = 1; cut <= count; cut++) {
          const upgrading = cut % 2 === 0;
          const afterMs = Math.floor(random() * longestMs);
          const stop = new AbortController();
          const writing = writeObjects(kubeconfig, cut, acknowledged, stop.signal);
          const sending = upgrading ? sendUpgrade(kubeconfig, file) : Promise.resolve();
          await sleep(afterMs);
          const written = acknowledged.length;
          await server.cutPower();
          stop.abort();
          await Promise.all([writing, sending]);
          const since = performance.now();
          server.powerOn();
          const there = await patiently(limit, () => namesOf(kubeconfig), 2000);
          const missing = acknowledged.filter((name) => !there.has(name));
          expect(missing.length === 0, `cut ${cut} of seed ${seed}: lost ${missing.join(', ')}`);
          await clusterOf(shared).nodeReady('server', limit);
          const system = await clusterOf(shared).shell.run(
            '/usr/lib/coracle/bin/node /usr/lib/coracle/board.mjs state',
          );
          const { slot, state } = JSON.parse(system) as {
            slot: string;
            state: { good: string; try?: string };
          };
          const took = ((performance.now() - since) / 1000).toFixed(0);
          const line = `cut ${cut}: ${upgrading ? 'upgrade' : 'writing'}, after ${afterMs} ms, ${written} acknowledged; Ready in ${took} s, slot ${slot}, good ${state.good}, try ${state.try ?? '-'}`;
          images.say(`   ${line}`);
          lines.push(line);
        }
        return [`${lines.length} cuts, ${acknowledged.length} objects acknowledged, none lost`];
      },
    },
  ];
}

/** One after the other, until the board is gone. */
async function writeObjects(
  kubeconfig: string,
  cut: number,
  acknowledged: string[],
  signal: AbortSignal,
): Promise<void> {
  const client = new HttpClient(readKubeconfig(kubeconfig));
  try {
    for (let number = 0; !signal.aborted; number++) {
      const name = `cut-${cut}-${number}`;
      await client.create(configmaps, {
        metadata: { namespace: 'default', name },
        data: { number: `${number}` },
      });
      acknowledged.push(name);
    }
  } catch {
    // The board is gone, as it should be; what was asked for last may be there or not.
  } finally {
    client.close();
  }
}

async function namesOf(kubeconfig: string): Promise<ReadonlySet<string>> {
  const client = new HttpClient(readKubeconfig(kubeconfig));
  try {
    const { items } = await client.list(configmaps, { namespace: 'default' });
    return new Set(items.map(({ metadata }) => metadata.name ?? ''));
  } finally {
    client.close();
  }
}

/** The upgrade and the start with it, as the command does; cut short at any moment. */
async function sendUpgrade(kubeconfig: string, file: string): Promise<void> {
  const { server, ca, cert, key } = readKubeconfig(kubeconfig);
  const call = async (method: 'PUT' | 'POST'): Promise<void> => {
    const sent = request(new URL('/api/v1/nodes/server/proxy/coracle/system', server), {
      method,
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
    });
    const answered = new Promise<void>((resolve, reject) => {
      sent.once('response', (response) => {
        response.resume();
        response.once('close', resolve);
      });
      sent.once('error', reject);
      sent.once('close', resolve);
    });
    if (method === 'PUT') await pipeline(createReadStream(file), sent).catch(() => {});
    else sent.end();
    await answered;
  };
  await call('PUT')
    .then(() => call('POST'))
    .catch(() => {});
}

/** The same numbers for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
