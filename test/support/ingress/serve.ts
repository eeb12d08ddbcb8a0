import { serveIngresses } from '#agent/net/ingress/ingress.ts';
import { anEndpoint, aSlice } from '#agent/net/services/fixtures.ts';
import type { PartVerdicts } from '#agent/node/part-verdicts.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Wishes } from './wishes.ts';

export interface ServeOptions {
  readonly directory: string;
  readonly wishes: Wishes;
  readonly verdicts: PartVerdicts;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** The agent's part of Ingresses alone, on this machine. Runs until the signal. */
export const serveOn = (
  { directory, wishes, verdicts, httpPort, httpsPort }: ServeOptions,
  signal: AbortSignal,
): Promise<void> =>
  serveIngresses(
    {
      ...{ nodeName: 'pi', desired: wishes, httpPort, httpsPort, directory, verdicts },
      path: process.env['PATH'] ?? '',
      clusterDns: () => undefined,
      hostIps: () => ['127.0.0.1'],
      clock: systemClock,
      random: () => 0,
      log: createLogger('error'),
    },
    signal,
  );

/** Origins on one address differ in their ports, so that each is a slice of its own. */
export const sliceOf = (
  service: string,
  origin: { readonly name: string; readonly port: number },
): EndpointSlice => ({
  ...aSlice(service, [anEndpoint('127.0.0.1')], {
    ports: [{ name: 'http', protocol: 'TCP', port: origin.port }],
  }),
  metadata: {
    namespace: 'default',
    name: `${service}-${origin.name}`,
    labels: { 'kubernetes.io/service-name': service },
  },
});
