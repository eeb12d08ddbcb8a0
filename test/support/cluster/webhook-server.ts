/**
 * A webhook as its authors write one, for stories: run on a board, with PORT, CERT and KEY (PEM). `/mutate` labels what it
 * sees, `/deny` refuses it, and each request is one line of output.
 */
import { createServer } from 'node:https';
import { text } from 'node:stream/consumers';

interface Review {
  readonly kind: string;
  readonly apiVersion: string;
  readonly request: {
    readonly uid: string;
    readonly operation: string;
    readonly name?: string;
    readonly resource: { readonly resource: string };
    readonly subResource?: string;
    readonly object?: { readonly metadata?: { readonly labels?: object } } | null;
  };
}

const { PORT = '0', CERT = '', KEY = '' } = process.env;

createServer({ cert: CERT, key: KEY }, async (incoming, outgoing) => {
  const { kind, apiVersion, request } = JSON.parse(await text(incoming)) as Review;
  const { uid, operation, name, resource, subResource, object } = request;
  process.stdout.write(`${incoming.url} ${operation} ${resource.resource}/${subResource ?? ''} ${name}\n`);
  const labels = { ...object?.metadata?.labels, seen: 'yes' };
  const patch = JSON.stringify([{ op: 'add', path: '/metadata/labels', value: labels }]);
  const response = incoming.url?.startsWith('/deny')
    ? { uid, allowed: false, status: { code: 403, message: 'not on this boat' } }
    : { uid, allowed: true, patchType: 'JSONPatch', patch: Buffer.from(patch).toString('base64') };
  outgoing.setHeader('content-type', 'application/json');
  outgoing.end(JSON.stringify({ kind, apiVersion, response }));
}).listen(Number(PORT), () => process.stdout.write('listening\n'));
