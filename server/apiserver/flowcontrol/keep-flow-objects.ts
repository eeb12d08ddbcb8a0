import { flowschemas } from '#proto/api/flowcontrol/flowschemas.ts';
import { prioritylevelconfigurations } from '#proto/api/flowcontrol/prioritylevelconfigurations.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { type Kept, planDangling, planDefault } from '#server/apiserver/flowcontrol/flow-objects.plan.ts';
import type { ApiClient } from '#server/client/client.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from '#server/registry/flowcontrol/default-objects.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';

export interface FlowObjectDeps {
  readonly client: ApiClient;
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Makes the default FlowSchemas and PriorityLevelConfigurations, and keeps them and their status right whenever one
 * changes, until the function that it answers is called.
 */
export async function keepFlowObjects(deps: FlowObjectDeps): Promise<() => void> {
  await ensureAll(deps);
  let isRunning = false;
  let isDue = false;
  const run = async (): Promise<void> => {
    isRunning = true;
    try {
      while (isDue) {
        isDue = false;
        await ensureAll(deps);
      }
    } catch (err) {
      deps.log.error('flow schemas could not be kept', { err });
    }
    isRunning = false;
  };
  const changed = (): void => {
    isDue = true;
    if (!isRunning) void run();
  };
  let isFollowing = false;
  const stops = ([flowschemas, prioritylevelconfigurations] as readonly Resource[]).map((resource) =>
    deps.reader.follow<KubeObject>(resource, () => {
      if (isFollowing) changed();
    }),
  );
  isFollowing = true;
  return () => {
    for (const stop of stops) stop();
  };
}

async function ensureAll(deps: FlowObjectDeps): Promise<void> {
  const { reader, client, clock } = deps;
  await ensure(deps, prioritylevelconfigurations, defaultPriorityLevels());
  await ensure(deps, flowschemas, defaultFlowSchemas());
  const levels = reader.list(prioritylevelconfigurations);
  for (const schema of reader.list(flowschemas)) {
    const next = planDangling(schema, levels, timestamp(clock.now()));
    if (next) await tolerant(client.update(flowschemas, next, { subresource: 'status' }));
  }
}

async function ensure<T extends Kept>(
  { reader, client }: FlowObjectDeps,
  resource: Resource<T>,
  wanted: readonly T[],
): Promise<void> {
  for (const one of wanted) {
    const stored = reader.get(resource, undefined, one.metadata.name ?? '');
    const next = planDefault(stored, one, isSame);
    if (next) await tolerant(stored ? client.update(resource, next) : client.create(resource, next));
  }
}

/** Somebody came between: the change will come here, too. */
async function tolerant(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (err) {
    if (!isConflict(err) && !isNotFound(err) && !isAlreadyExists(err)) throw err;
  }
}
