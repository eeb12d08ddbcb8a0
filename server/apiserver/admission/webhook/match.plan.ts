import { type Labels, matchesLabels, type Selector, selectorFromObject } from '#proto/meta/selector.ts';
import type { RuleWithOperations } from '#proto/schema/generated/admissionregistration-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';

/** Namespaces count as cluster-scoped, though requests carry their name as namespace. */
export const isNamespaceKind = (kind: { readonly group: string; readonly plural: string }): boolean =>
  kind.group === '' && kind.plural === 'namespaces';

/** The namespace of a write; of a namespace itself, its name: that is how webhooks and their selectors see it. */
export const namespaceOf = (write: {
  readonly resource: { readonly group: string; readonly plural: string };
  readonly namespace: string | undefined;
  readonly name: string;
}): string | undefined => (isNamespaceKind(write.resource) ? write.name : write.namespace);

/** What a rule looks at. */
export interface Subject {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly subresource: string | undefined;
  readonly operation: string;
  /** Of namespaces themselves: their own name. */
  readonly namespace: string | undefined;
}

/** Rule: `rules.Matcher` of k8s.io/apiserver/pkg/admission/plugin/webhook/predicates. */
export function matchesRule(rule: RuleWithOperations, subject: Subject): boolean {
  return (
    isInScope(rule.scope ?? '*', subject) &&
    has(rule.operations, subject.operation) &&
    has(rule.apiGroups, subject.group) &&
    has(rule.apiVersions, subject.version) &&
    (rule.resources ?? []).some((resource) => {
      const [plural = '', ...rest] = resource.split('/');
      const subresource = rest.join('/');
      return (
        (plural === '*' || plural === subject.plural) &&
        (subresource === '*' || subresource === (subject.subresource ?? ''))
      );
    })
  );
}

const has = (values: readonly string[] | undefined, wanted: string): boolean =>
  values?.some((value) => value === '*' || value === wanted) ?? false;

function isInScope(scope: string, subject: Subject): boolean {
  const isCluster = isNamespaceKind(subject) || !subject.namespace;
  return scope === '*' || (scope === 'Cluster' ? isCluster : scope === 'Namespaced' && !isCluster);
}

/** A selector that is absent, or says nothing, selects everything here: undefined. */
export function selectorOf(selector: LabelSelector | undefined): Selector | undefined {
  const parsed = selectorFromObject(selector ?? {});
  return parsed.requirements.length === 0 ? undefined : parsed;
}

/** Does a selector take the object as it is, or as it was? */
export const matchesEither = (
  selector: Selector | undefined,
  ...labels: readonly (Labels | undefined | null)[]
): boolean => selector === undefined || labels.some((own) => own !== null && matchesLabels(selector, own));

const EXEMPT = [
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
];

/** What configures admission is not subject to it: nobody could take a bad configuration back. */
export const isExempt = ({ group, plural }: { readonly group: string; readonly plural: string }): boolean =>
  group === 'admissionregistration.k8s.io' && EXEMPT.includes(plural);
