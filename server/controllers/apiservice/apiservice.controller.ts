import { apiservices } from '#proto/api/apiregistration/apiservices.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { APIService } from '#proto/schema/generated/apiregistration-v1.ts';
import type { ServedKinds } from '#server/client/served-kinds.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import {
  failedCheck,
  PASSED,
  planRegistration,
  serviceProblem,
  type Verdict,
  withVerdict,
} from '#server/controllers/apiservice/apiservice.plan.ts';
import { registrationOf } from '#server/controllers/apiservice/registration.plan.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { equalJson } from '#server/controllers/json.ts';
import { LOCAL } from '#server/registry/apiregistration/api-service.ts';

/** Asks the server behind an APIService whether it is there; rejects with the reason why not. */
export type CheckApiService = (service: APIService) => Promise<void>;

/** A network may break without a word to the API: servers that answer are asked again after this time. */
const RECHECK_MS = 60_000;
/** Servers that do not answer are asked more often: somebody waits for them. */
const RETRY_MS = 10_000;

/**
 * Keeps an APIService for every group and version that is served here, and says of all APIServices whether they are available:
 * those of other servers are asked when they change, when their Service or its endpoints do, and once a minute.
 */
export function createApiServiceController(
  context: ControllerContext,
  kinds: ServedKinds,
  check: CheckApiService,
): Controller {
  const { client, clock, informers } = context;
  const all = informers.for(apiservices);
  const allServices = informers.for(services);
  const allSlices = informers.for(endpointslices);
  /** Names that have been looked at once: what is built in is not registered again behind somebody's back. */
  const synced = new Set<string>();
  let wanted: ReadonlyMap<string, APIService> = new Map();

  const register = async (name: string): Promise<void> => {
    const action = planRegistration(wanted.get(name), all.get(name), synced.has(name));
    try {
      if (action?.kind === 'create') await client.create(apiservices, action.service);
      else if (action?.kind === 'update') await client.update(apiservices, action.service);
      else if (action?.kind === 'delete') await client.delete(apiservices, { name });
    } catch (err) {
      // In the meantime it was made, changed or removed: that is heard of.
      if (!isAlreadyExists(err) && !isConflict(err) && !isNotFound(err)) throw err;
    }
    synced.add(name);
  };

  const verdictOf = async (service: APIService): Promise<Verdict> => {
    const { service: ref } = service.spec;
    if (!ref) return LOCAL;
    const behind = allServices.get(`${ref.namespace}/${ref.name}`);
    const slices = allSlices
      .list()
      .filter(
        ({ metadata }) =>
          metadata.namespace === ref.namespace &&
          metadata.labels?.['kubernetes.io/service-name'] === ref.name,
      );
    const problem = serviceProblem(service, behind, slices);
    if (problem) return problem;
    try {
      await check(service);
      return PASSED;
    } catch (err) {
      return failedCheck((err as Error).message);
    }
  };

  const queue = createQueue(context, 'apiservice', async (name): Promise<Outcome> => {
    await register(name);
    const service = all.get(name);
    if (!service) return;
    const verdict = await verdictOf(service);
    const next = withVerdict(service, verdict, clock.now());
    if (!equalJson(next.status, service.status)) {
      try {
        await client.update(apiservices, next, { subresource: 'status' });
      } catch (err) {
        if (!isConflict(err) && !isNotFound(err)) throw err;
      }
    }
    if (!service.spec.service) return;
    return { requeueAfterMs: verdict.status === 'True' ? RECHECK_MS : RETRY_MS };
  });

  const wantAll = (): void => {
    const before = wanted;
    const next = new Map<string, APIService>();
    for (const { group, version } of kinds.all) {
      const registration = registrationOf(group, version);
      if (registration) next.set(registration.metadata.name ?? '', registration);
    }
    wanted = next;
    for (const name of new Set([...before.keys(), ...next.keys()])) {
      if (before.has(name) !== next.has(name)) queue.add(name);
    }
  };
  const behind = (namespace: string, name: string): void => {
    for (const { metadata, spec } of all.list()) {
      if (spec.service?.namespace === namespace && spec.service.name === name) queue.add(metadata.name ?? '');
    }
  };
  all.onChange((_type, { metadata }) => queue.add(metadata.name ?? ''));
  allServices.onChange((_type, { metadata }) => behind(metadata.namespace ?? '', metadata.name ?? ''));
  allSlices.onChange((_type, { metadata }) =>
    behind(metadata.namespace ?? '', metadata.labels?.['kubernetes.io/service-name'] ?? ''),
  );
  return {
    start(signal) {
      wantAll();
      const stop = kinds.onChange(wantAll);
      signal.addEventListener('abort', stop, { once: true });
      queue.start(signal);
    },
  };
}
