import { pods } from '#proto/api/core/pods.ts';
import { runtimeclasses } from '#proto/api/node/runtimeclasses.ts';
import type { Pod, ResourceList } from '#proto/schema/generated/core-v1.ts';
import type { RuntimeClass } from '#proto/schema/generated/node-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { isAbout, refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

/** A runtime's overhead and its nodes become those of the pod. Rule: upstream's RuntimeClass admission. */
export class RuntimeClassAdmission implements AdmissionPlugin {
  readonly name = 'RuntimeClass';
  readonly #reader: ObjectReader;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  admit(attributes: AdmissionAttributes): void {
    const pod = podOf(attributes);
    const found = pod && this.#classOf(attributes, pod);
    if (!pod || !found) return;
    const { overhead, scheduling } = found;
    if (overhead?.podFixed) {
      if (pod.spec.overhead && !sameList(pod.spec.overhead, overhead.podFixed)) {
        throw refused(
          attributes,
          "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        );
      }
      pod.spec.overhead = { ...overhead.podFixed };
    }
    for (const [key, value] of Object.entries(scheduling?.nodeSelector ?? {})) {
      const own = pod.spec.nodeSelector?.[key];
      if (own !== undefined && own !== value)
        throw refused(
          attributes,
          `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
        );
      pod.spec.nodeSelector = { ...pod.spec.nodeSelector, [key]: value };
    }
    for (const toleration of scheduling?.tolerations ?? []) {
      const has = pod.spec.tolerations?.some((t) => JSON.stringify(t) === JSON.stringify(toleration));
      if (!has) pod.spec.tolerations = [...(pod.spec.tolerations ?? []), { ...toleration }];
    }
  }

  validate(attributes: AdmissionAttributes): void {
    const pod = podOf(attributes);
    if (!pod?.spec.overhead) return;
    const wanted = this.#classOf(attributes, pod)?.overhead?.podFixed;
    if (!wanted || !sameList(pod.spec.overhead, wanted))
      throw refused(
        attributes,
        'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
      );
  }

  #classOf(attributes: AdmissionAttributes, { spec }: Pod): RuntimeClass | undefined {
    if (!spec.runtimeClassName) return undefined;
    const found = this.#reader.get(runtimeclasses, undefined, spec.runtimeClassName);
    if (found) return found;
    throw refused(
      attributes,
      `pod rejected: RuntimeClass ${JSON.stringify(spec.runtimeClassName)} not found`,
    );
  }
}

const podOf = (attributes: AdmissionAttributes): Pod | undefined =>
  isAbout(attributes, pods) && attributes.operation === 'CREATE'
    ? (attributes.object as Pod | undefined)
    : undefined;

const sameList = (a: ResourceList, b: ResourceList): boolean =>
  JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
