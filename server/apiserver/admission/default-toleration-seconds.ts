import { pods } from '#proto/api/core/pods.ts';
import type { Pod, Toleration } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { isAbout } from '#server/apiserver/admission/refuse.ts';

const KEYS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const SECONDS = 300;

/**
 * A Pod stays for five minutes on a node that is not ready or can't be reached, unless it says otherwise itself. Rule: upstream's
 * `DefaultTolerationSeconds`.
 */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  admit(attributes) {
    const { operation, object } = attributes;
    if (!isAbout(attributes, pods) || (operation !== 'CREATE' && operation !== 'UPDATE') || !object) return;
    const { spec } = object as Pod;
    for (const key of KEYS) {
      if (spec.tolerations?.some((toleration) => covers(toleration, key))) continue;
      const added = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: SECONDS };
      spec.tolerations = [...(spec.tolerations ?? []), added];
    }
  },
};

/** An empty key or effect stands for all. */
const covers = ({ key, effect }: Toleration, wanted: string): boolean =>
  (!key || key === wanted) && (!effect || effect === 'NoExecute');
