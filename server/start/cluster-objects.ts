import { ensurePriorityClasses } from '#server/apiserver/admission/priority.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { ensureDefaultRoles } from '#server/apiserver/authz/policy/ensure-default-roles.ts';
import {
  ensureExtensionAuthentication,
  keepExtensionAuthentication,
} from '#server/apiserver/bootstrap/extension-authentication.ts';
import { ensureIngressClass } from '#server/apiserver/bootstrap/ingress-class.ts';
import { keepSystemObjects } from '#server/apiserver/bootstrap/keep-system-objects.ts';
import { ensureDnsService, ensureSystemObjects } from '#server/apiserver/bootstrap/system-objects.ts';
import { keepFlowObjects } from '#server/apiserver/flowcontrol/keep-flow-objects.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import { ensureLocalPathClass } from '#server/controllers/localpath/ensure-class.ts';
import type { StartedApi } from './api.ts';
import type { Foundation } from './foundation.ts';

/** What every cluster has in its API by itself. */
interface ClusterObjects {
  /** Before anybody is let in. */
  ensure(): Promise<void>;
  /** What people take away comes again, once the informers are started. */
  keep(informers: InformerFactory): void;
}

export function createClusterObjects(
  { options, keys, services, advertiseAddress, clock, log }: Foundation,
  { api, client }: Pick<StartedApi, 'api' | 'client'>,
  reader: ObjectReader,
): ClusterObjects {
  const objects = {
    serviceIp: api.serviceIp,
    serviceCidr: options.serviceCidr,
    advertiseAddress,
    port: options.listen.port,
  };
  const { ca, frontProxy } = keys.current;
  const trust = { clientCa: ca.cert, frontProxyCa: frontProxy.caCert, frontProxyName: frontProxy.name };
  return {
    ensure: async () => {
      await ensureSystemObjects(client, objects);
      if (!options.disable.includes('dns'))
        await ensureDnsService(client, services.at(10)).catch((err: unknown) =>
          log.warn('no Service leads to cluster DNS, which answers all the same', { err }),
        );
      await ensureIngressClass(client, !options.disable.includes('ingress'));
      await ensureDefaultRoles(client);
      await ensureExtensionAuthentication(client, trust);
      await ensurePriorityClasses(client);
      await ensureLocalPathClass(client, !options.disable.includes('local-storage'));
      await keepFlowObjects({ client, reader, clock, log });
    },
    keep: (informers) => {
      keepSystemObjects({ client, informers, objects, log });
      keepExtensionAuthentication({ client, informers, trust, log });
    },
  };
}
