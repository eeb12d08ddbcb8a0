import { open, readdir, realpath } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * A file below the folder of logs, or the list of a folder there, as Go's file server gives them. What a link leads out of the
 * folder is not found: Pods may write there.
 */
export async function sendLogFile(response: ServerResponse, folder: string, path: string): Promise<void> {
  const root = await realpath(folder).catch(() => folder);
  const file = await realpath(join(root, path)).catch(() => undefined);
  if (file === undefined || (file !== root && !file.startsWith(root + sep))) return notThere(response);
  const handle = await open(file, 'r');
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) {
      if (!path.endsWith('/')) return redirect(response, `${path.split('/').at(-1)}/`);
      return await sendFolder(response, file);
    }
    if (!stat.isFile()) return notThere(response);
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': stat.size });
    if (stat.size === 0) return void response.end();
    // As far as it reached when it was asked for: a log grows.
    await pipeline(handle.createReadStream({ start: 0, end: stat.size - 1, autoClose: false }), response);
  } finally {
    await handle.close();
  }
}

async function sendFolder(response: ServerResponse, folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const lines = entries
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort()
    .map((name) => `<a href="${encodeURIComponent(name).replace(/%2F$/, '/')}">${escaped(name)}</a>\n`);
  const text = `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${lines.join('')}</pre>\n`;
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(301, { location, 'content-length': 0 });
  response.end();
}

function notThere(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
  response.end('404 page not found\n');
}
