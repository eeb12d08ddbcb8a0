import { customresourcedefinitions } from '#proto/api/apiextensions/customresourcedefinitions.ts';
import type { Resource } from '#proto/api/resource.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionStatus,
} from '#proto/schema/generated/apiextensions-v1.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import {
  acceptNames,
  approvalVerdict,
  CLEANUP,
  conditionOf,
  establish,
  takenNames,
  type Verdict,
  withConditions,
} from '#server/controllers/customresourcedefinition/naming.plan.ts';
import { equalJson } from '#server/controllers/json.ts';
import { bundleProblem } from '#server/registry/validation/webhook-client.ts';

/** Between two looks at objects that something still holds. */
const RETRY_MS = 1000;

const IN_PROGRESS: Verdict = {
  type: 'Terminating',
  status: 'True',
  reason: 'InstanceDeletionInProgress',
  message: 'CustomResource deletion is in progress',
};
const NEVER_ESTABLISHED: Verdict = {
  type: 'Terminating',
  status: 'False',
  reason: 'NeverEstablished',
  message: 'resource was never established',
};
const COMPLETED: Verdict = {
  type: 'Terminating',
  status: 'False',
  reason: 'InstanceDeletionCompleted',
  message: 'removed all instances',
};

/**
 * Brings CustomResourceDefinitions into force: settles who has which name, and deletes all objects of a kind before its
 * definition goes. The API server serves what the conditions say.
 */
export function createCustomResourceDefinitionController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const all = informers.for(customresourcedefinitions);

  const writeStatus = async (
    definition: CustomResourceDefinition,
    status: CustomResourceDefinitionStatus,
  ): Promise<CustomResourceDefinition> =>
    equalJson(status, definition.status)
      ? definition
      : client.update(customresourcedefinitions, { ...definition, status }, { subresource: 'status' });

  const settle = async (definition: CustomResourceDefinition): Promise<void> => {
    const others = all
      .list()
      .filter(
        (other) =>
          other.spec.group === definition.spec.group && other.metadata.name !== definition.metadata.name,
      );
    const { names, condition } = acceptNames(definition, takenNames(others));
    const established = establish(definition, condition.status === 'True', isTrusted(definition));
    const verdicts = [condition, established, approvalVerdict(definition)].filter((one) => one !== undefined);
    await writeStatus(definition, {
      ...statusOf(definition),
      acceptedNames: names,
      conditions: withConditions(definition.status?.conditions, verdicts, clock.now()),
    });
  };

  const withTerminating = (definition: CustomResourceDefinition, verdict: Verdict) => ({
    ...statusOf(definition),
    conditions: withConditions(definition.status?.conditions, [verdict], clock.now()),
  });

  /** How many objects are left after all of them were told to go. */
  const deleteObjects = async (resource: Resource): Promise<number> => {
    const { items } = await client.list(resource);
    let left = 0;
    for (const { metadata } of items) {
      if (metadata.deletionTimestamp) {
        left++;
        continue;
      }
      try {
        await client.delete(resource, { namespace: metadata.namespace, name: metadata.name ?? '' });
        if (metadata.finalizers?.length) left++;
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    }
    return left;
  };

  const cleanUp = async (definition: CustomResourceDefinition): Promise<Outcome> => {
    const { finalizers = [] } = definition.metadata;
    if (!finalizers.includes(CLEANUP)) return undefined;
    let current = await writeStatus(definition, withTerminating(definition, IN_PROGRESS));
    const established = conditionOf(current, 'Established')?.status === 'True';
    if (established) {
      const left = await deleteObjects(storedResource(current));
      if (left > 0) return { requeueAfterMs: RETRY_MS };
    }
    const verdict = established ? COMPLETED : NEVER_ESTABLISHED;
    current = await writeStatus(current, withTerminating(current, verdict));
    await client.patch(customresourcedefinitions, { name: current.metadata.name ?? '' }, 'merge', {
      metadata: {
        resourceVersion: current.metadata.resourceVersion,
        finalizers: finalizers.filter((finalizer) => finalizer !== CLEANUP),
      },
    });
    return undefined;
  };

  const queue = createQueue(
    context,
    'customresourcedefinitions',
    async (name): Promise<Outcome> => {
      const definition = all.get(name);
      if (!definition) return undefined;
      try {
        if (definition.metadata.deletionTimestamp) return await cleanUp(definition);
        await settle(definition);
      } catch (err) {
        // Somebody came between: the change will come here, too.
        if (!isConflict(err) && !isNotFound(err)) throw err;
      }
      return undefined;
    },
    // Names are taken one after the other.
    1,
  );

  all.onChange((type, definition, old) => {
    const { name = '' } = definition.metadata;
    if (type !== 'DELETED') queue.add(name);
    // Names may have become free.
    const freed =
      type === 'DELETED' || (old && !equalJson(old.status?.acceptedNames, definition.status?.acceptedNames));
    if (!freed) return;
    for (const other of all.values())
      if (other.spec.group === definition.spec.group && other.metadata.name !== name)
        queue.add(other.metadata.name ?? '');
  });
  return { start: (signal) => queue.start(signal) };
}

const statusOf = ({ status }: CustomResourceDefinition): CustomResourceDefinitionStatus =>
  status ?? { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: [] };

/** The kind in the version that is stored: no conversion has to be asked for its objects to go. */
function storedResource({ spec, status }: CustomResourceDefinition): Resource {
  const names = status?.acceptedNames ?? spec.names;
  return {
    group: spec.group,
    version: spec.versions.find(({ storage }) => storage)?.name ?? '',
    plural: names.plural,
    singular: names.singular ?? '',
    kind: names.kind,
    namespaced: spec.scope === 'Namespaced',
    verbs: ['list', 'delete'],
  };
}

function isTrusted({ spec }: CustomResourceDefinition): boolean {
  const bundle = spec.conversion?.webhook?.clientConfig?.caBundle;
  return !bundle || bundleProblem(bundle) === undefined;
}
