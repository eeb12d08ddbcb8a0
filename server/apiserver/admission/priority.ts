import { pods } from '#proto/api/core/pods.ts';
import { priorityclasses } from '#proto/api/scheduling/priorityclasses.ts';
import { isAlreadyExists } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PriorityClass } from '#proto/schema/generated/scheduling-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { isAbout, refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { ApiClient } from '#server/client/client.ts';

const SYSTEM_CLASSES: readonly PriorityClass[] = [
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

/** The two classes that every cluster has. */
export async function ensurePriorityClasses(client: ApiClient): Promise<void> {
  for (const one of SYSTEM_CLASSES) {
    try {
      await client.create(priorityclasses, one);
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
    }
  }
}

/** From the name of a class to a number that the scheduler compares. Rule: upstream's Priority. */
export class Priority implements AdmissionPlugin {
  readonly name = 'Priority';
  readonly #reader: ObjectReader;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  admit(attributes: AdmissionAttributes): void {
    const { operation, object, oldObject } = attributes;
    if (!isAbout(attributes, pods) || !object) return;
    const { spec } = object as Pod;
    if (operation === 'UPDATE') {
      // Never changes; an update that leaves it out means the same.
      const old = (oldObject as Pod | undefined)?.spec;
      if (spec.priority === undefined && old?.priority !== undefined) spec.priority = old.priority;
      if (spec.preemptionPolicy === undefined && old?.preemptionPolicy)
        spec.preemptionPolicy = old.preemptionPolicy;
      return;
    }
    if (operation !== 'CREATE') return;
    const found = spec.priorityClassName
      ? this.#named(attributes, spec.priorityClassName)
      : this.#byDefault();
    if (found && !spec.priorityClassName) spec.priorityClassName = found.metadata.name;
    const value = found?.value ?? 0;
    if (spec.priority !== undefined && spec.priority !== value) {
      throw refused(
        attributes,
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    }
    spec.priority = value;
    const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
      throw refused(
        attributes,
        `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      );
    }
    spec.preemptionPolicy = policy;
  }

  validate(attributes: AdmissionAttributes): void {
    const isSystem = SYSTEM_CLASSES.some(({ metadata }) => metadata.name === attributes.name);
    if (isAbout(attributes, priorityclasses) && attributes.operation === 'DELETE' && isSystem)
      throw refused(attributes, 'this is a system priority class and cannot be deleted');
    const { operation, object, name } = attributes;
    if (
      !isAbout(attributes, priorityclasses) ||
      !object ||
      (operation !== 'CREATE' && operation !== 'UPDATE')
    )
      return;
    if (!(object as PriorityClass).globalDefault) return;
    const other = this.#byDefault();
    if (!other || other.metadata.name === (name || object.metadata.name)) return;
    throw refused(
      attributes,
      `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
    );
  }

  #named(attributes: AdmissionAttributes, wanted: string): PriorityClass {
    const found =
      this.#reader.get(priorityclasses, undefined, wanted) ??
      SYSTEM_CLASSES.find((one) => one.metadata.name === wanted);
    if (found) return found;
    throw refused(attributes, `no PriorityClass with name ${wanted} was found`);
  }

  /** Of several, the lowest: upstream's choice, too. */
  #byDefault(): PriorityClass | undefined {
    return this.#reader
      .list(priorityclasses)
      .filter((one) => one.globalDefault)
      .sort((a, b) => a.value - b.value)[0];
  }
}
