import { remoteOf } from '#server/apiserver/aggregator/api-services.ts';
import { ApiEventRecorder } from '#server/client/events.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { LeaderElector } from '#server/client/leader-elector.ts';
import { type ControllersOptions, startControllers } from '#server/controllers/index.ts';
import { BOARD_PORTS } from '#server/controllers/service/loadbalancer.plan.ts';
import { createBoardStorage } from '#server/nodes/local-volumes.ts';
import { Scheduler } from '#server/scheduler/scheduler.ts';
import type { Access } from './access.ts';
import type { StartedApi } from './api.ts';
import type { Foundation } from './foundation.ts';

/** What makes the cluster work: controllers and scheduler, on the informers of all, of one server at a time. */
interface Workloads {
  /** Runs until the signal, once the informers have synced; never rejects. `failed` hears of a part that can't go on. */
  run(signal: AbortSignal, failed: (err: unknown) => void): Promise<unknown>;
}

export function createWorkloads(
  { options, keys, clock, log }: Foundation,
  { tokens }: Access,
  { api, client, boards, discovery, queues }: StartedApi,
  informers: InformerFactory,
): Workloads {
  const { ca } = keys.current;
  const eventsOf = (component: string) => new ApiEventRecorder({ client, clock, log, component });
  const scheduler = new Scheduler({
    client: api.client({ name: 'system:kube-scheduler', groups: ['system:masters'] }),
    informers,
    events: eventsOf('default-scheduler'),
    clock,
    random: Math.random,
    log,
    schedulerName: 'default-scheduler',
  });
  const controllers: Omit<ControllersOptions, 'signal'> = {
    client: api.client({ name: 'system:kube-controller-manager', groups: ['system:masters'] }),
    informers,
    clock,
    log,
    issuer: ca.issuer,
    caPem: ca.cert,
    clusterCidr: options.clusterCidr,
    serviceLb: !options.disable.includes('servicelb'),
    reservedPorts: [
      ...BOARD_PORTS,
      ...[options.listen, options.agentListen, options.mqttListen].map(({ port }) => `TCP/${port}`),
    ],
    issueToken: async (claims) =>
      tokens.issue({
        claims: {
          namespace: claims.namespace,
          serviceaccount: claims.serviceAccount,
          secret: claims.secret,
        },
        audiences: [],
        expirationSeconds: undefined,
      }).token,
    kinds: api.api.resources,
    ingress: !options.disable.includes('ingress'),
    checkApiService: async (service) => {
      const remote = remoteOf(service);
      if (remote) await discovery.check(remote);
    },
    boardStorage: createBoardStorage(boards),
    queues,
  };
  const elector = (name: string, component: string): LeaderElector =>
    new LeaderElector({
      client,
      clock,
      log,
      rng: Math.random,
      events: eventsOf(component),
      name,
      // The same after a restart, so that nobody waits for a Lease that a power cut has left.
      identity: options.nodeName,
    });
  return {
    run: (signal, failed) =>
      Promise.all([
        elector('kube-controller-manager', 'kube-controller-manager')
          .run(signal, (leading) => startControllers({ ...controllers, signal: leading }))
          .catch(failed),
        elector('kube-scheduler', 'default-scheduler')
          .run(signal, (leading) => scheduler.start(leading))
          .catch(failed),
      ]),
  };
}
