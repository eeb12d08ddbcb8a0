import type { Foundation } from './foundation.ts';

/** People and boards find the server by name until the signal, unless it listens for this machine alone. */
export async function answerOnLan(
  { options, clock, log }: Foundation,
  port: number,
  linkPort: number,
  signal: AbortSignal,
): Promise<void> {
  if (options.disable.includes('mdns')) return;
  const { MdnsResponder } = await import('#server/mdns/responder.ts');
  const { listen, nodeName } = options;
  await new MdnsResponder({ listen: listen.host, instance: nodeName, port, linkPort, clock, log }).run(
    signal,
  );
}
