import type { Command } from 'commander';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { nodemetrics } from '#proto/api/metrics/nodemetrics.ts';
import { podmetrics } from '#proto/api/metrics/podmetrics.ts';
import type { ApiClient } from '#server/client/client.ts';
import { connected, type KubeconfigFlags, realWorld, withKubeconfig } from '../cluster-command.ts';
import { frame, type History, type Reading, remember, type Screen } from './top.plan.ts';

interface TopFlags extends KubeconfigFlags {
  readonly interval: string;
  readonly once: boolean;
}

/** What the screen is switched to and back: another buffer, so that the scroll of the terminal stays, and no cursor. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

/** `coracle top`: boards and Pods as they are now and were in the last minutes. */
export function addTopCommand(program: Command): void {
  withKubeconfig(program.command('top'))
    .summary('watch boards and Pods: CPU, memory, state')
    .description(
      `Shows what boards and Pods use, with the last minutes as bars, until q or Ctrl-C. Boards report every 15 seconds
(coracle server --metrics-resolution).`,
    )
    .option('--interval <SECONDS>', 'how often it looks', '5')
    .option('--once', 'print it once and end: for scripts, and where there is no terminal', false)
    .action((flags: TopFlags) => {
      const seconds = Number(flags.interval);
      if (!(seconds >= 1))
        throw new Error(`--interval: "${flags.interval}" is no number of seconds from 1 on`);
      const live = !flags.once && process.stdout.isTTY && process.stdin.isTTY;
      return connected(realWorld(), flags, async (client, { server }) => {
        if (live) return watch(client, server, seconds * 1000);
        const reading = await read(client);
        const screen = {
          columns: 100,
          rows: 1000,
          sort: 'cpu',
          color: false,
          time: clock(),
          server,
        } as const;
        process.stdout.write(`${frame(reading, remember(new Map(), reading), screen).join('\n')}\n`);
      });
    });
}

async function read(client: ApiClient): Promise<Reading> {
  const [boards, all, nodeMetrics, podMetrics] = await Promise.all([
    client.list(nodes),
    client.list(pods),
    client.list(nodemetrics),
    client.list(podmetrics),
  ]);
  return {
    nodes: boards.items,
    pods: all.items,
    nodeMetrics: nodeMetrics.items,
    podMetrics: podMetrics.items,
  };
}

const clock = (): string => new Date().toTimeString().slice(0, 8);

/** Draws until a person has seen enough. A server that is away for a while is told of, not fatal. */
async function watch(client: ApiClient, server: string, intervalMs: number): Promise<void> {
  const { stdin, stdout } = process;
  let history: History = new Map();
  let reading: Reading = { nodes: [], pods: [], nodeMetrics: [], podMetrics: [] };
  let trouble = '';
  let sort: Screen['sort'] = 'cpu';
  let board: string | undefined;
  const draw = (): void => {
    const { columns = 100, rows = 30 } = stdout;
    const screen = { columns, rows: rows - 1, sort, board, color: true, time: clock(), server };
    const lines = frame(reading, history, screen);
    stdout.write(`\u001b[H${lines.map((line) => `${line}\u001b[K\n`).join('')}${trouble}\u001b[K\u001b[J`);
  };
  const look = async (): Promise<void> => {
    try {
      reading = await read(client);
      history = remember(history, reading);
      trouble = '';
    } catch (err) {
      trouble = `\u001b[31m${(err as Error).message}\u001b[0m`;
    }
    draw();
  };
  stdout.write(ENTER);
  stdin.setRawMode(true);
  stdin.resume();
  const timer = setInterval(() => void look(), intervalMs);
  stdout.on('resize', draw);
  try {
    await look();
    for await (const chunk of stdin) {
      const key = String(chunk);
      if (key === 'q' || key === '\u0003') break;
      if (key === 'c' || key === 'm') sort = key === 'c' ? 'cpu' : 'memory';
      if (key === '\t')
        board = next(
          reading.nodes.map(({ metadata }) => metadata.name ?? ''),
          board,
        );
      draw();
    }
  } finally {
    clearInterval(timer);
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write(LEAVE);
  }
}

/** The board after this one; after the last one, all of them. */
function next(names: readonly string[], board: string | undefined): string | undefined {
  const sorted = [...names].sort();
  return board === undefined ? sorted[0] : sorted[sorted.indexOf(board) + 1];
}
