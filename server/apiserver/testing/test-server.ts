import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { resources } from '#proto/api/index.ts';
import { silent } from '#proto/meta/log.ts';
import { createCa, issueCertificate } from '#proto/pki/certificate.ts';
import type { ListenOptions } from '#server/apiserver/http/https-server.ts';
import { type ApiServer, type ApiServerDeps, createApiServer } from '#server/apiserver/server.ts';
import { strategies } from '#server/registry/index.ts';
import { createMemoryStore } from '#server/store/open.ts';

/** A whole server on a port of loopback: everybody with the token `admin` may do everything. */
export async function startTestServer(
  over: Partial<ApiServerDeps> = {},
  listen: Pick<ListenOptions, 'idleMs'> = {},
): Promise<{ server: ApiServer; port: number; ca: string }> {
  const { cert, key, ca } = selfSigned();
  const server = createApiServer({
    store: createMemoryStore(),
    resources,
    strategies,
    admission: [],
    authenticators: [
      {
        authenticate: async ({ authorization }) =>
          authorization === 'Bearer admin' ? { name: 'admin', groups: ['system:masters'] } : undefined,
      },
    ],
    authorizer: { authorize: () => ({ allowed: true }) },
    reviews: {},
    tokenIssuer: async (request) => request,
    streams: {
      openLog: async () =>
        (async function* () {
          yield new TextEncoder().encode('a line\n');
        })(),
      tunnel: async (_request, socket) => void socket.end(),
    },
    extras: [],
    healthChecks: [{ name: 'ping', live: true, check: () => {} }],
    serviceCidr: '10.43.0.0/16',
    serverAddress: '127.0.0.1:6443',
    log: silent,
    ...over,
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0, cert, key, clientCa: ca, ...listen });
  return { server, port, ca };
}

function selfSigned(): { cert: string; key: string; ca: string } {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const caKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
  const ca = createCa({ commonName: 'test', key: caKey, ...validity });
  const cert = issueCertificate(
    { certificate: ca, key: caKey },
    {
      subject: { commonName: 'localhost' },
      spki: keys.publicKey.export({ type: 'spki', format: 'der' }),
      usages: ['server'],
      alternativeNames: ['127.0.0.1'],
      ...validity,
    },
  );
  const pem = (der: Uint8Array): string => new X509Certificate(der).toString();
  return {
    cert: pem(cert),
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ca: pem(ca),
  };
}
