/** What commands that ask a running cluster have in common: where it is, and how they print. */
import { type Command, Option as Flag } from 'commander';
import { endpoints } from '#proto/api/core/endpoints.ts';
import { firstAddress } from '#proto/net/addresses.ts';
import { urlHost } from '#proto/net/host-port.ts';
import type { ApiClient } from '#server/client/client.ts';
import { HttpClient, type HttpClientOptions } from '#server/client/http-client.ts';
import { readKubeconfig } from '#server/client/kubeconfig-file.ts';

/** What the commands need of the world; tests give their own. */
export interface CliWorld {
  readonly out: (text: string) => void;
  /** For a person beside a script; undefined where nobody looks. */
  readonly hint: ((text: string) => void) | undefined;
  readonly now: () => number;
  readonly read: (kubeconfig: string) => HttpClientOptions;
  readonly connect: (options: HttpClientOptions) => ClusterClient;
}

export interface ClusterClient extends ApiClient {
  close?(): void;
  /** The body of a path that is no resource, as it comes. */
  stream?(path: string): Promise<AsyncIterable<Uint8Array>>;
}

export const realWorld = (): CliWorld => ({
  out: (text) => void process.stdout.write(text),
  hint: process.stderr.isTTY ? (text) => void process.stderr.write(text) : undefined,
  now: () => Date.now(),
  read: readKubeconfig,
  connect: (options) => new HttpClient(options),
});

const DEFAULT_KUBECONFIG = '/etc/coracle/kubeconfig.yaml';

export interface KubeconfigFlags {
  readonly kubeconfig: string;
}

export const withKubeconfig = (command: Command): Command =>
  command.addOption(
    new Flag('--kubeconfig <FILE>', "the administrator's kubeconfig")
      .env('KUBECONFIG')
      .default(DEFAULT_KUBECONFIG),
  );

/** Runs with a client of the cluster that the kubeconfig names. */
export async function connected(
  world: CliWorld,
  { kubeconfig }: KubeconfigFlags,
  run: (client: ClusterClient, options: HttpClientOptions) => Promise<void>,
): Promise<void> {
  const options = world.read(kubeconfig || DEFAULT_KUBECONFIG);
  const client = world.connect(options);
  try {
    await run(client, options);
  } finally {
    client.close?.();
  }
}

/** The server as other boards reach it: the kubeconfig beside it says loopback. */
export async function reachableServer(client: ApiClient, server: string): Promise<string> {
  const { hostname, port } = new URL(server);
  if (!/^(localhost|127\..*|\[::1\])$/.test(hostname)) return server;
  const advertised = await client.get(endpoints, { namespace: 'default', name: 'kubernetes' }).then(
    ({ subsets }) => subsets?.[0]?.addresses?.[0]?.ip,
    () => undefined,
  );
  const address = advertised ?? firstAddress() ?? hostname;
  return `https://${urlHost(address)}:${port || 443}`;
}

/** Rows as columns of equal width, the last one as it is. */
export function columns(rows: readonly (readonly string[])[]): string {
  const last = Math.max(...rows.map((row) => row.length)) - 1;
  const width = (column: number): number =>
    column === last ? 0 : Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(width(column))).join('   ')}\n`).join('');
}
