/** One host of a LAN, in the network namespace that it was started in: `respond INSTANCE` until it is killed, or `discover` once. */
import { discoverServers } from '#agent/link/discover.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import { MdnsResponder } from '#server/mdns/responder.ts';

const [mode, instance = ''] = process.argv.slice(2);
if (mode === 'respond') {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort(new Error('SIGTERM')));
  const log = createLogger('info');
  await new MdnsResponder({
    ...{ listen: '0.0.0.0', instance, port: 6443, linkPort: 6444 },
    ...{ clock: systemClock, log },
  }).run(stop.signal);
} else {
  process.stdout.write(JSON.stringify(await discoverServers()));
}
