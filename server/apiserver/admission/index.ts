import type { Clock } from '#proto/meta/clock.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { defaultTolerationSeconds } from '#server/apiserver/admission/default-toleration-seconds.ts';
import { createNamespaceLifecycle } from '#server/apiserver/admission/namespace-lifecycle.ts';
import { createServiceAccount } from '#server/apiserver/admission/service-account.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

export interface AdmissionDeps {
  /** Over the store: there before the API is, always current, and never a call that had to be admitted itself. */
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** In [0, 1): for generated names. */
  readonly random?: () => number;
}

/** Every plugin, in upstream's order. */
export function createAdmission(deps: AdmissionDeps): readonly AdmissionPlugin[] {
  const { reader } = deps;
  return [createNamespaceLifecycle(reader), createServiceAccount(deps), defaultTolerationSeconds];
}
