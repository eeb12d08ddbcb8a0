/**
 * `node test/images/guide.ts [card|cluster]`: plays `firmware-images/GUIDE.md` with flashed boards in QEMU, records what the
 * terminal shows and draws its pictures.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boards } from '#firmware/boards/index.ts';
import { installTools } from '#firmware/build/host.ts';
import { drawAll } from '#firmware/guide/draw.ts';
import { buildIfStale } from '../../build.ts';
import { ADDRESSES, ImageCluster, patiently } from './cluster.ts';
import { consoleOf, GUIDE, LIMIT_MS, ROOT, recordCard, recordMistake, recordUse } from './guide-sessions.ts';
import { describeImages } from './images.ts';
import { prepareMachines } from './machine.ts';
import { Recorder } from './recorder.ts';
import { CARD_GIB } from './uefi.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** One half of it, or both. */
const wants = (part: string): boolean => process.argv.length < 3 || process.argv.includes(part);

const folder = mkdtempSync(join(tmpdir(), 'coracle-guide-'));
const recorder = new Recorder(folder, join(GUIDE, 'records'), say);
const board = boards.find(({ name }) => name === 'arm64-uefi');
if (!board) throw new Error('no such board');
const images = describeImages({ board, root: ROOT, folder, say });
let cluster: ImageCluster | undefined;
try {
  await buildIfStale(say);
  await prepareMachines(board.arch, say);
  await installTools({ chromium: 'chromium' }, say);
  if (wants('card')) await recordCard(recorder, folder);
  if (wants('cluster')) {
    const cards = { server: (await images.build('server')).disk, agent: (await images.build('agent')).disk };
    cluster = await ImageCluster.create(folder, board.arch);
    await boot(cluster, cards);
    await recordUse(recorder, cluster, folder);
    await recordMistake(recorder, cluster.agent, cards.agent);
  }
  for (const path of drawAll()) say(path);
} finally {
  await cluster?.powerOff();
  rmSync(folder, { recursive: true, force: true });
}

async function boot(
  to: ImageCluster,
  cards: { readonly server: string; readonly agent: string },
): Promise<void> {
  const { server, agent } = to;
  const more = [`server: ${ADDRESSES.server}`];
  await server.flash(cards.server, CARD_GIB, to.config('server', [], 'attic'));
  await agent.flash(cards.agent, CARD_GIB, to.config('agent', more, 'kitchen'));
  server.powerOn();
  await patiently(LIMIT_MS, () => to.fetchKubeconfig(), 2000);
  await to.nodeReady('attic', LIMIT_MS);
  recorder.write('boot', 'The console of a server', consoleOf(server.console));
  agent.powerOn();
  await to.nodeReady('kitchen', LIMIT_MS);
}
