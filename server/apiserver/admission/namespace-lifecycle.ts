import { namespaces } from '#proto/api/core/namespaces.ts';
import { groupResourceOf } from '#proto/api/resource.ts';
import { notFound, StatusError } from '#proto/meta/status-error.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

const IMMORTAL = ['default', 'kube-system', 'kube-public'];

/**
 * Nothing is written into a namespace that is missing, nothing new into one on its way out, and the namespaces that the
 * cluster stands on stay. Rule: upstream's `NamespaceLifecycle`.
 */
export function createNamespaceLifecycle(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    admit(attributes) {
      const { resource, operation, namespace, name, subresource } = attributes;
      if (resource.group === namespaces.group && resource.plural === namespaces.plural) {
        if (operation === 'DELETE' && subresource === undefined && IMMORTAL.includes(name))
          throw refused(attributes, 'this namespace may not be deleted');
        return;
      }
      // A review asks about a namespace; it writes nothing there.
      if (namespace === undefined || !isWrite(operation) || isReview(resource)) return;
      const found = reader.get(namespaces, undefined, namespace);
      if (!found) throw notFound(groupResourceOf(namespaces), namespace);
      if (operation === 'CREATE' && found.status?.phase === 'Terminating')
        throw terminating(attributes, namespace);
    },
  };
}

const isWrite = (operation: AdmissionAttributes['operation']): boolean =>
  operation === 'CREATE' || operation === 'UPDATE';

const isReview = ({ group, plural }: { readonly group: string; readonly plural: string }): boolean =>
  group === 'authorization.k8s.io' && plural === 'localsubjectaccessreviews';

/** Controllers look for the cause, to stop trying. */
function terminating(attributes: AdmissionAttributes, namespace: string): StatusError {
  const { message, details } = refused(
    attributes,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  return new StatusError('Forbidden', message, { details: { ...details, causes: [cause] } });
}
