import type { Resource } from '#proto/api/resource.ts';
import type {
  MatchResources,
  NamedRuleWithOperations,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import { resourceFor } from '#server/apiserver/admission/webhook/choose.ts';
import { selectorOf } from '#server/apiserver/admission/webhook/match.plan.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

/** Matches everything: a namespace or an object without a selector. */
const EVERYTHING: NamedRuleWithOperations = {
  apiGroups: ['*'],
  apiVersions: ['*'],
  operations: ['*'],
  resources: ['*/*'],
};

/**
 * In which version of its resource a write is matched; undefined where it is not. Throws the StatusError of a namespace
 * that is not there. Rule: `matching.Matcher` of apiserver.
 */
export function matchedResource(
  match: MatchResources | undefined,
  attributes: AdmissionAttributes,
  reader: ObjectReader,
): Resource | undefined {
  if (!match) return attributes.resource;
  const { matchPolicy, resourceRules = [], excludeResourceRules = [] } = match;
  const named = (rules: readonly NamedRuleWithOperations[]): NamedRuleWithOperations[] =>
    rules.filter(({ resourceNames }) => !resourceNames?.length || resourceNames.includes(attributes.name));
  const selected = (rules: readonly NamedRuleWithOperations[]): Resource | undefined =>
    resourceFor(
      {
        webhook: { rules: named(rules), matchPolicy },
        namespaceSelector: selectorOf(match.namespaceSelector),
        objectSelector: selectorOf(match.objectSelector),
      },
      attributes,
      reader,
    );
  const found = selected(resourceRules.length === 0 ? [EVERYTHING] : resourceRules);
  if (!found || excludeResourceRules.length === 0) return found;
  return selected(excludeResourceRules) ? undefined : found;
}
