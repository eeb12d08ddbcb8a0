import { Api, type ApiCredentials } from '../support/cluster/api.ts';

const PATH = '/api/v1/namespaces/default/configmaps';

export interface Creates {
  readonly created: number;
  readonly perSecond: number;
  /** Deletes what was created. */
  clear(): Promise<void>;
}

/** Durable creates a second with so many clients, each waiting for its answer before the next. */
export async function createsPerSecond(
  url: string,
  credentials: ApiCredentials,
  clients: number,
  durationMs = 3_000,
): Promise<Creates> {
  const api = new Api(url, credentials, clients);
  const data = { text: 'x'.repeat(512) };
  let created = 0;
  const since = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = 0; performance.now() - since < durationMs; i++) {
        const metadata = { name: `bench-${clients}-${client}-${i}`, labels: { bench: 'creates' } };
        const answer = await api.create(PATH, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
        if (answer.status !== 201) throw new Error(`create: ${answer.text}`);
        created++;
      }
    }),
  );
  const seconds = (performance.now() - since) / 1000;
  return {
    created,
    perSecond: Math.round(created / seconds),
    clear: async () => {
      await api.send('DELETE', `${PATH}?labelSelector=bench%3Dcreates`);
      api.close();
    },
  };
}
