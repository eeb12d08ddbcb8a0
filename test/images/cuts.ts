/**
 * The plug is pulled at random moments, of writing and of an upgrade: the board boots each time, and what the API had
 * acknowledged is there. The card is one that loses what was not flushed, or parts of it.
 */
import { mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodes } from '#proto/api/core/nodes.ts';
import { HttpClient } from '#server/client/http-client.ts';
import { readKubeconfig } from '#server/client/kubeconfig-file.ts';
import { ImageCluster, patiently } from './cluster.ts';
import type { Images } from './images.ts';
import { Ledger } from './ledger.ts';
import { accelerated, prepareMachines } from './machine.ts';
import type { Shell } from './ssh.ts';
import { expect, type Step, seconds } from './step.ts';
import { CARD_GIB, patience, type Shared } from './uefi.ts';

/** That of the other steps' upgrade, so that it is built once. */
const VERSION = '90.0.0';

export function cutSteps(
  images: Images,
  shared: Shared,
  { count, seed }: { readonly count: number; readonly seed: number },
): readonly Step[] {
  const limit = patience(images);
  // Up to when an upgrade is over, or nearly so; an emulated board takes that much longer.
  const longestMs = accelerated(images.board.arch)
    ? { upgrade: 40_000, writing: 5_000 }
    : { upgrade: 180_000, writing: 20_000 };

  return [
    {
      name: 'cuts',
      run: async () => {
        await prepareMachines(images.board.arch, images.say);
        // Those boards are done, and this one wants the processor.
        await shared.cluster?.powerOff();
        const folder = join(images.folder, 'cuts');
        mkdirSync(folder);
        const random = mulberry32(seed);
        const file = await images.upgrade('server', VERSION);
        const { size } = await stat(file);
        const cluster = await ImageCluster.create(folder, images.board.arch, {
          chance: mulberry32(seed + 1),
          // So that no time goes by until the upgrade is in the board: what comes over the network is another step's.
          beside: file,
        });
        shared.cluster = cluster;
        const { server, kubeconfig } = cluster;
        await server.flash((await images.build('server')).disk, CARD_GIB, cluster.config('server'));
        server.powerOn();
        await patiently(limit, () => cluster.fetchKubeconfig(), 2000);
        await cluster.nodeReady('server', limit);

        const systemOf = () => cluster.systemOf('server');
        const ledger = new Ledger();
        let lostMiB = 0;
        for (let cut = 1; cut <= count; cut++) {
          const upgrading = cut % 2 === 0;
          const afterMs = Math.floor(random() * longestMs[upgrading ? 'upgrade' : 'writing']);
          if (upgrading)
            await patiently(limit, async () => {
              const { slot, state } = await systemOf();
              expect(state.good === slot, `slot ${slot} is still on trial`);
            });
          const stop = new AbortController();
          const shown = server.console.length;
          const before = ledger.acknowledged;
          const writing = writeOn(kubeconfig, ledger, `cut-${cut}`, stop.signal);
          if (upgrading) await startUpgrade(cluster.shell, size);
          await sleep(afterMs);
          const settled = await server.cutPower();
          stop.abort();
          await writing;
          const doing = upgrading ? momentOf(server.console.slice(shown)) : 'writing';
          const line = `cut ${cut} of ${count}, seed ${seed}: ${doing}, after ${seconds(afterMs)}, ${ledger.acknowledged - before} acknowledged, ${((settled?.lostMiB ?? 0) * 1024).toFixed(0)} KiB of ${settled?.writtenMiB.toFixed(0)} MiB lost`;

          const since = performance.now();
          server.powerOn();
          const wrong = await patiently(
            limit,
            () => withClient(kubeconfig, (api) => ledger.missing(api)),
            1000,
          );
          expect(wrong.length === 0, `${line}; then ${wrong.slice(0, 10).join(', ')}`);
          await readyAgain(cluster, limit);
          const took = seconds(performance.now() - since);
          const { slot, state } = await patiently(limit, systemOf, 1000);
          lostMiB += settled?.lostMiB ?? 0;
          images.say(
            `   ${line}; Ready in ${took}, all there, slot ${slot}, good ${state.good}, try ${state.try ?? '-'}`,
          );
        }
        return [
          `${count} cuts, ${ledger.acknowledged} writes acknowledged, none lost; ${(lostMiB * 1024).toFixed(0)} KiB that were not flushed were`,
        ];
      },
    },
  ];
}

async function withClient<T>(kubeconfig: string, work: (client: HttpClient) => Promise<T>): Promise<T> {
  const client = new HttpClient(readKubeconfig(kubeconfig));
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** Ready in this boot: what the API has of the one before says so, too, for a while. */
async function readyAgain({ shell, kubeconfig }: ImageCluster, limit: number): Promise<void> {
  const bootId = await patiently(limit, () => shell.run('cat /proc/sys/kernel/random/boot_id'), 1000);
  await withClient(kubeconfig, (api) =>
    patiently(
      limit,
      async () => {
        const { status } = await api.get(nodes, { name: 'server' });
        const ready = status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
        expect(status?.nodeInfo?.bootID === bootId.trim() && ready === true, 'the server is not Ready');
      },
      1000,
    ),
  );
}

/** Until the board is gone, also when an upgrade starts it again: then from the start once it is back. */
async function writeOn(
  kubeconfig: string,
  ledger: Ledger,
  prefix: string,
  signal: AbortSignal,
): Promise<void> {
  for (let time = 1; !signal.aborted; time++) {
    await withClient(kubeconfig, (api) => ledger.write(api, `${prefix}-${time}`, signal));
    await sleep(500);
  }
}

/** How far it came, from what the board has shown since. */
function momentOf(shown: string): string {
  if (/is healthy and good from now on/.test(shown)) return 'the upgrade has just succeeded';
  if (/this is server/.test(shown)) return 'the new system is on trial';
  if (/"version":"90/.test(shown)) return 'the board starts again with the new system';
  return 'an upgrade is being written';
}

/** What the agent does with an upgrade that comes over its link, and with the word to start again. */
async function startUpgrade(shell: Shell, sizeBytes: number): Promise<void> {
  const receive = `head -c ${sizeBytes} /dev/vdb | /usr/lib/coracle/bin/node /usr/lib/coracle/board.mjs receive && systemctl reboot`;
  await shell.run(
    `systemd-run --quiet --collect --property=StandardOutput=journal+console sh -c '${receive}'`,
  );
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
