import type { RuntimeClass } from '#proto/schema/generated/node-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, immutable, named } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems } from '#server/registry/validation/names.ts';
import { validateLabels } from '#server/registry/validation/object-meta.ts';
import { validateToleration } from '#server/registry/validation/pod/scheduling.ts';
import { validateAmounts } from '#server/registry/validation/quantities.ts';

export const runtimeClass: Strategy<RuntimeClass> = {
  validate: ({ handler, overhead, scheduling }) => [
    ...named('handler', handler, dnsLabelProblems),
    ...validateAmounts(overhead?.podFixed, 'overhead.limits'),
    ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...eachAt(scheduling?.tolerations, 'scheduling.tolerations', validateToleration),
  ],
  validateUpdate: (object, old) => immutable('handler', object.handler, old.handler),
};
