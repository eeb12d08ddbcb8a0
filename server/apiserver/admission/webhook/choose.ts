import { namespaces } from '#proto/api/core/namespaces.ts';
import { groupResourceOf, type Resource } from '#proto/api/resource.ts';
import { type Labels, matchesLabels } from '#proto/meta/selector.ts';
import { notFound } from '#proto/meta/status-error.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import type { Hook } from '#server/apiserver/admission/webhook/hooks.ts';
import {
  isNamespaceKind,
  matchesEither,
  matchesRule,
  namespaceOf,
  type Subject,
} from '#server/apiserver/admission/webhook/match.plan.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

/** What a webhook or a policy wants to hear of. */
export interface Selection extends Pick<Hook, 'namespaceSelector' | 'objectSelector'> {
  readonly webhook: Pick<Hook['webhook'], 'rules' | 'matchPolicy'>;
}

/**
 * In which version of the resource a webhook wants to hear of a write; undefined where it does not. Match conditions are
 * another question. Throws a StatusError. Rule: `ShouldCallHook` of k8s.io/apiserver.
 */
export function resourceFor(
  { webhook, namespaceSelector, objectSelector }: Selection,
  attributes: AdmissionAttributes,
  reader: ObjectReader,
): Resource | undefined {
  const { object, oldObject, versions } = attributes;
  if (!matchesEither(objectSelector, labelsOf(object), labelsOf(oldObject))) return undefined;
  const subject = subjectOf(attributes);
  const rules = webhook.rules ?? [];
  const others = webhook.matchPolicy === 'Exact' ? [] : versions.equivalents.slice(1);
  const found = rules.some((rule) => matchesRule(rule, subject))
    ? attributes.resource
    : rules.flatMap((rule) => others.filter((other) => matchesRule(rule, inVersion(subject, other)))).at(0);
  if (!found || !namespaceSelector) return found;
  const labels = namespaceLabels(attributes, reader);
  return labels === undefined || matchesLabels(namespaceSelector, labels) ? found : undefined;
}

function subjectOf(attributes: AdmissionAttributes): Subject {
  const { subresource, operation } = attributes;
  const { group, version, plural } = attributes.resource;
  return { group, version, plural, subresource, operation, namespace: namespaceOf(attributes) };
}

const inVersion = (subject: Subject, { group, version, plural }: Resource): Subject => ({
  ...subject,
  group,
  version,
  plural,
});

/** `null` for no object, or for one that has no metadata: options of a connection. */
const labelsOf = (object: AdmissionAttributes['object']): Labels | null =>
  object?.metadata ? (object.metadata.labels ?? {}) : null;

/** Of the namespace that is written, or is written to; undefined for what is in none: no selector exempts it. */
function namespaceLabels(attributes: AdmissionAttributes, reader: ObjectReader): Labels | undefined {
  const { resource, subresource, operation, object } = attributes;
  const isWritten = operation === 'CREATE' || operation === 'UPDATE';
  if (isNamespaceKind(resource) && subresource === undefined && isWritten && object)
    return object.metadata.labels ?? {};
  const name = namespaceOf(attributes);
  if (!name) return undefined;
  const namespace = reader.get(namespaces, undefined, name);
  if (!namespace) throw notFound(groupResourceOf(namespaces), name);
  return namespace.metadata.labels ?? {};
}
