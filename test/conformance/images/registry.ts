/**
 * A registry as boards pull from it: the read half of the OCI distribution specification, over plain HTTP on one address.
 * It serves the test images alone, to boards on a LAN of this machine, for as long as a run takes.
 */
import { createReadStream } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { ImageStore } from './build-images.ts';
import { MANIFEST } from './catalog.plan.ts';

export interface Registry {
  /** `http://10.77.0.254:40123` */
  readonly url: string;
  close(): Promise<void>;
}

export async function startRegistry(store: ImageStore, address: string): Promise<Registry> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://registry');
    const bodyless = request.method === 'HEAD';
    if (request.method !== 'GET' && !bodyless) return refuse(response, 405, 'UNSUPPORTED');
    if (url.pathname === '/v2/') return void response.writeHead(200).end();
    const [, repository = '', kind, reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (kind === 'manifests') {
      const separator = reference.startsWith('sha256:') ? '@' : ':';
      const manifest = store.manifests.get(`${repository}${separator}${reference}`);
      if (!manifest) return refuse(response, 404, 'MANIFEST_UNKNOWN');
      response.writeHead(200, {
        'content-type': MANIFEST,
        'content-length': manifest.content.length,
        'docker-content-digest': manifest.digest,
      });
      return void response.end(bodyless ? undefined : manifest.content);
    }
    const blob = kind === 'blobs' ? store.blobs.get(reference) : undefined;
    if (!blob) return refuse(response, 404, 'BLOB_UNKNOWN');
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': blob.size,
      'docker-content-digest': reference,
    });
    if (bodyless) response.end();
    else if (typeof blob.content === 'string')
      createReadStream(blob.content)
        .on('error', () => response.destroy())
        .pipe(response);
    else response.end(blob.content);
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject).listen(0, address, resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the registry has no port');
  return {
    url: `http://${address}:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Errors as the distribution specification writes them. */
function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code }] }));
}
