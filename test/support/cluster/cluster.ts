/**
 * A whole cluster for a story: `dist/` as a user would run it, a server on this machine or on a board, agents on virtual
 * boards, and real kubectl.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatJoinToken } from '#proto/agent/join-token.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { openPki } from '#server/pki/pki.ts';
import { buildIfStale } from '../../../build.ts';
import { Board } from '../boards/board.ts';
import { eventually } from '../boards/eventually.ts';
import { HostProcess } from '../boards/host-process.ts';
import { type Lan, startLan } from '../boards/lan.ts';
import { Kubectl } from './kubectl.ts';

const DIST = join(import.meta.dirname, '../../../dist');
export const BUSYBOX_TAR = join(DIST, 'test-images/busybox.tar');
export const CORACLE = [process.execPath, join(DIST, 'coracle.mjs')];
export const TOKEN = 'c0rac1.e0123456789abcde';

export interface ClusterOptions {
  /** Agents, named `board-1`, `board-2`, …; 2 when absent. */
  readonly boards?: number;
  /** Boards, by number, that are on the LAN's second segment. */
  readonly secondSegment?: readonly number[];
  /** Each board's memory; unlimited when absent. */
  readonly memoryMiB?: number;
  /** Where the server runs: on this machine (default) or on a board of its own named `server`. */
  readonly serverOn?: 'host' | 'board';
  /** Only with `serverOn: 'board'`: the server's board is a node too. */
  readonly serverIsNode?: boolean;
  /** More flags of `coracle server`. */
  readonly serverFlags?: readonly string[];
  readonly agentFlags?: readonly string[];
  /** More of the environment of a server that runs on this machine. */
  readonly serverEnv?: (lan: Lan) => Readonly<Record<string, string>>;
  /** No board is told where the server is: they find it on the LAN. */
  readonly agentsFindServer?: boolean;
  /** Registries that boards reach under another address: `registry.k8s.io` at `http://10.77.0.254:5000`. */
  readonly mirrors?: (lan: Lan) => Promise<Readonly<Record<string, string>>>;
  /** On each board's disk from the start: text by path, of what survives a power cut. */
  readonly files?: Readonly<Record<string, string>>;
  /** The agent runs a containerd of its own, as it does by default, instead of using the board's. */
  readonly ownContainerd?: boolean;
}

/** The server as a story handles it, wherever it runs. */
export interface ServerControl {
  /** In this machine's numbering; undefined when it is down. */
  pid(): number | undefined;
  /** Starts it and does not wait. */
  launch(): void;
  /** Starts it and waits for /readyz. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL, and stays down. */
  kill(): Promise<void>;
  log(): string;
}

export interface Cluster {
  readonly lan: Lan;
  readonly url: string;
  readonly kubeconfig: string;
  /** Writes one beside it for programs other than kubectl here, with {@link url} for its loopback address. */
  kubeconfigForUrl(): string;
  readonly kubectl: Kubectl;
  readonly server: ServerControl;
  /** The server's own board, with `serverOn: 'board'`. */
  readonly serverBoard: Board | undefined;
  readonly boards: readonly Board[];
  board(name: string): Board;
  /** Waits until exactly these Pods of a selector are Running and Ready; gives them. */
  readyPods(selector: string, count: number, timeoutMs?: number): Promise<readonly Pod[]>;
  nodesReady(timeoutMs?: number): Promise<readonly Node[]>;
  /** Tails of every log, for a failure's message. */
  logs(): string;
  stop(): Promise<void>;
}

/** Builds `dist/` if it is stale, boots everything and waits until every node is Ready. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  await buildIfStale(() => {});
  const lan = await startLan();
  if (options.secondSegment) await lan.addSegment();
  const cluster = assemble(lan, options);
  try {
    const mirrors = (await options.mirrors?.(lan)) ?? {};
    for (const board of cluster.boards) {
      board.mirror(mirrors);
      for (const [path, text] of Object.entries(options.files ?? {})) {
        const file = join(board.directory, 'disk', path);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
    }
    const up = [...cluster.boards, ...(cluster.serverBoard ? [cluster.serverBoard] : [])];
    await Promise.all(up.map((board) => board.boot()));
    await cluster.server.start();
    const nodes = options.serverIsNode ? up : cluster.boards;
    await Promise.all(
      nodes.map((board) =>
        eventually(() => board.ctr('images', 'import', BUSYBOX_TAR), { timeoutMs: 60_000 }),
      ),
    );
    await cluster.nodesReady();
    return cluster;
  } catch (err) {
    const logs = cluster.logs();
    await cluster.stop();
    throw new Error(`the cluster does not start: ${(err as Error).message}\n${logs}`, { cause: err });
  }
}

/** Makes the cluster's CA before its server starts, so that boards can be told its pin at once. */
function joinToken(dataDir: string): string {
  const { caHash } = openPki(join(dataDir, 'server/pki'), {
    clusterDomain: 'cluster.local',
    serviceIp: '10.43.0.1',
    advertiseAddress: '127.0.0.1',
    tlsSans: [],
    nodeName: 'server',
    now: Date.now,
  });
  return formatJoinToken({ token: TOKEN, caPin: caHash.replace('sha256:', '') });
}

function assemble(lan: Lan, options: ClusterOptions): Cluster {
  const onBoard = options.serverOn === 'board';
  const serverIp = onBoard ? lan.ip(10) : lan.hostIp;
  // Not the usual port on this machine, where a real server may be listening on all addresses.
  const port = onBoard ? 6443 : 16443 + 2 * lan.number;
  const url = `https://${serverIp}:${port}`;
  const dataDir = join(lan.directory, onBoard ? 'server/disk/var/lib/coracle' : 'server');
  const home = join(lan.directory, 'home');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(lan.directory, 'empty.yaml'), '');

  const serverFlags = [
    ...['--token', TOKEN, '--advertise-address', serverIp, '--set-clock', 'off'],
    ...(options.serverFlags ?? []),
    // Not on every machine there is a broker, and its port is one for all clusters here.
    ...(options.serverFlags?.includes('--mqtt') ? [] : ['--mqtt', 'off']),
    ...(options.serverIsNode ? ['--containerd', '/run/containerd/containerd.sock'] : ['--no-agent']),
  ];
  // The clock of all boards is this machine's.
  const agentFlags = ['--token', joinToken(dataDir), '--set-clock', 'off'];
  if (!options.agentsFindServer) agentFlags.push('--server', url);
  const runtime = options.ownContainerd
    ? { containerd: false, containerdPath: '/run/coracle/containerd/containerd.sock' }
    : { containerd: true };
  // How full this machine's disk is says nothing of a board's: images that a test has imported stay.
  agentFlags.push('--image-gc-high-threshold', '100');
  if (!options.ownContainerd) agentFlags.push('--containerd', '/run/containerd/containerd.sock');
  const boards = Array.from({ length: options.boards ?? 2 }, (_, index) => {
    const name = `board-${index + 1}`;
    return new Board(lan, {
      name,
      host: 11 + index,
      segment: options.secondSegment?.includes(index + 1) ? 2 : 1,
      ...runtime,
      ...(options.memoryMiB === undefined ? {} : { memoryMiB: options.memoryMiB }),
      services: [
        {
          name: 'agent',
          command: [
            ...CORACLE,
            'agent',
            ...agentFlags,
            '--node-name',
            name,
            '--hardware-id',
            `serial of ${name}`,
            ...(options.agentFlags ?? []),
          ],
        },
      ],
    });
  });
  const serverBoard = onBoard
    ? new Board(lan, {
        name: 'server',
        host: 10,
        containerd: options.serverIsNode ?? false,
        services: [{ name: 'server', command: [...CORACLE, 'server', ...serverFlags] }],
      })
    : undefined;
  const kubeconfig = serverBoard
    ? join(serverBoard.directory, 'disk/etc/coracle/kubeconfig.yaml')
    : join(lan.directory, 'kubeconfig.yaml');
  const kubectl = new Kubectl(kubeconfig, url, home);

  const awaitReadyz = async () => {
    await eventually(() => existsSync(kubeconfig), { timeoutMs: 60_000, intervalMs: 50 });
    await eventually(() => kubectl.ok('get --raw /readyz', { timeoutMs: 5_000 }), {
      timeoutMs: 60_000,
      intervalMs: 100,
    });
  };
  const server = serverBoard
    ? controlOnBoard(serverBoard, awaitReadyz)
    : controlOnHost(
        new HostProcess(lan, {
          name: 'server',
          env: options.serverEnv?.(lan) ?? {},
          command: [
            ...[...CORACLE, 'server', '--config', join(lan.directory, 'empty.yaml'), ...serverFlags],
            ...['--data-dir', dataDir, '--write-kubeconfig', kubeconfig],
            ...['--listen', `${serverIp}:${port}`, '--agent-listen', `${serverIp}:${port + 1}`],
          ],
        }),
        awaitReadyz,
      );

  const nodeNames = [...boards.map((board) => board.name), ...(options.serverIsNode ? ['server'] : [])];
  return {
    lan,
    url,
    kubeconfig,
    kubeconfigForUrl: () => {
      const path = join(lan.directory, 'kubeconfig-url.yaml');
      const text = readFileSync(kubeconfig, 'utf8').replace(/server: .*/, `server: ${url}`);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    },
    kubectl,
    server,
    serverBoard,
    boards,
    board: (name) => {
      const board = boards.find((board) => board.name === name);
      if (!board) throw new Error(`no board ${name}`);
      return board;
    },
    readyPods: (selector, count, timeoutMs = 60_000) =>
      eventually(
        async () => {
          const { items } = await kubectl.json<{ items: Pod[] }>(['get', 'pods', '-l', selector]);
          const ready = items.filter((pod) => !pod.metadata.deletionTimestamp && isTrue(pod, 'Ready'));
          if (ready.length !== count || items.length !== count)
            throw new Error(`${ready.length} of ${items.length} pods are ready, ${count} wanted`);
          return ready;
        },
        { timeoutMs },
      ),
    nodesReady: (timeoutMs = 60_000) =>
      eventually(
        async () => {
          const { items } = await kubectl.json<{ items: Node[] }>('get nodes');
          const missing = nodeNames.filter(
            (name) => !items.some((node) => node.metadata.name === name && isTrue(node, 'Ready')),
          );
          if (missing.length > 0) throw new Error(`not Ready: ${missing.join(', ')}`);
          return items;
        },
        { timeoutMs },
      ),
    logs: () =>
      [
        `--- server ---\n${tail(server.log())}`,
        ...boards.map((board) => `--- ${board.name} ---\n${tail(board.log('agent'))}`),
      ].join('\n'),
    stop: () => lan.stop(),
  };
}

function controlOnHost(process_: HostProcess, awaitReadyz: () => Promise<void>): ServerControl {
  return {
    pid: () => process_.pid,
    launch: () => process_.start(),
    start: async () => {
      process_.start();
      await awaitReadyz();
    },
    stop: () => process_.stop(),
    kill: () => process_.kill(),
    log: () => process_.log(),
  };
}

function controlOnBoard(board: Board, awaitReadyz: () => Promise<void>): ServerControl {
  return {
    pid: () => board.servicePid('server'),
    launch: () => board.releaseService('server'),
    start: async () => {
      await board.startService('server');
      await awaitReadyz();
    },
    stop: () => board.stopService('server'),
    kill: () => board.stopService('server', 'SIGKILL'),
    log: () => board.log('server'),
  };
}

interface Conditioned {
  readonly status?:
    | { readonly conditions?: readonly { type: string; status: string }[] | undefined }
    | undefined;
}

/** Whether a condition stands at True. */
export const isTrue = (object: Conditioned, type: string): boolean =>
  object.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ??
  false;

const tail = (log: string): string => log.split('\n').slice(-40).join('\n');
