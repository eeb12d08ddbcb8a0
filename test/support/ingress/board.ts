/** A board that serves one Ingress, as a process that a test may kill: `board.ts DIRECTORY`, ports from the environment. */
import { anIngress } from '#agent/net/ingress/fixtures.ts';
import { aService } from '#agent/net/services/fixtures.ts';
import { PartVerdicts } from '#agent/node/part-verdicts.ts';
import { serveOn, sliceOf } from './serve.ts';
import { Wishes } from './wishes.ts';

const { ORIGIN_PORT, HTTP_PORT, HTTPS_PORT } = process.env;
const [, , directory = ''] = process.argv;
const wishes = new Wishes();
wishes.put('services', aService('web'));
wishes.put('endpointslices', sliceOf('web', { name: 'a', port: Number(ORIGIN_PORT) }));
wishes.put('ingresses', anIngress('one', { 'web.example': ['Prefix / web'] }));
const verdicts = new PartVerdicts();
verdicts.onChange(() => process.send?.(verdicts.list()[0] ?? []));
await serveOn(
  { directory, wishes, verdicts, httpPort: Number(HTTP_PORT), httpsPort: Number(HTTPS_PORT) },
  new AbortController().signal,
);
