import { leases } from '#proto/api/coordination/leases.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import type { Resource } from '#proto/api/resource.ts';
import { csinodes } from '#proto/api/storage/csinodes.ts';
import type { TokenRequest } from '#proto/schema/generated/authentication-v1.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { labelProblem } from '#server/apiserver/admission/node-labels.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { nodeNameOf } from '#server/apiserver/authz/node-authorizer.ts';

const MIRROR = 'kubernetes.io/config.mirror';

const isKind = (resource: Resource, kind: Resource): boolean =>
  resource.plural === kind.plural && resource.group === kind.group;

/**
 * A node writes about itself and its own pods. The authorizer lets it at these kinds; this looks at what it writes.
 * Rule: upstream's NodeRestriction.
 */
export class NodeRestriction implements AdmissionPlugin {
  readonly name = 'NodeRestriction';
  readonly #reader: ObjectReader;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  admit(attributes: AdmissionAttributes): void {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return;
    const { resource, subresource } = attributes;
    if (isKind(resource, pods)) this.#pod(attributes, node);
    else if (isKind(resource, nodes)) restrictNode(attributes, node);
    else if (isKind(resource, leases)) restrictNamed(attributes, node, 'lease');
    else if (isKind(resource, csinodes)) restrictNamed(attributes, node, 'CSINode');
    else if (isKind(resource, serviceaccounts) && subresource === 'token') this.#token(attributes, node);
  }

  #pod(attributes: AdmissionAttributes, node: string): void {
    const { operation, subresource, oldObject } = attributes;
    switch (subresource) {
      case undefined:
        if (operation === 'CREATE') restrictMirror(attributes, node);
        else if (operation === 'DELETE') ownPod(attributes, node, oldObject as Pod | undefined, 'delete');
        else throw refused(attributes, `unexpected operation ${JSON.stringify(operation)}`);
        return;
      case 'status': {
        const old = oldObject as Pod | undefined;
        ownPod(attributes, node, old, 'update status for');
        const labels = (pod: Pod | undefined) => JSON.stringify(sorted(pod?.metadata.labels));
        if (labels(old) !== labels(attributes.object as Pod | undefined))
          throw refused(attributes, `node ${JSON.stringify(node)} cannot update labels through pod status`);
        return;
      }
      case 'eviction': {
        const pod = this.#reader.get(pods, attributes.namespace, attributes.name);
        ownPod(attributes, node, pod, 'evict');
        return;
      }
      default:
        throw refused(
          attributes,
          `unexpected subresource ${JSON.stringify(subresource)}, needs "status" or "eviction"`,
        );
    }
  }

  #token(attributes: AdmissionAttributes, node: string): void {
    const ref = (attributes.object as TokenRequest | undefined)?.spec?.boundObjectRef;
    if (ref?.kind !== 'Pod' || !ref.name)
      throw refused(attributes, `node requested token not bound to a pod`);
    if (!ref.uid) throw refused(attributes, `node requested token with a pod binding without a uid`);
    const pod = this.#reader.get(pods, attributes.namespace, ref.name);
    if (!pod) throw refused(attributes, `pod ${JSON.stringify(ref.name)} not found`);
    if (pod.metadata.uid !== ref.uid) {
      throw refused(
        attributes,
        `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
    if (pod.spec.nodeName !== node)
      throw refused(attributes, 'node requested token bound to a pod scheduled on a different node');
  }
}

const sorted = (labels: Readonly<Record<string, string>> | undefined) => Object.entries(labels ?? {}).sort();

function ownPod(attributes: AdmissionAttributes, node: string, pod: Pod | undefined, verb: string): void {
  if (pod?.spec.nodeName === node) return;
  throw refused(
    attributes,
    `node ${JSON.stringify(node)} can only ${verb} pods with spec.nodeName set to itself`,
  );
}

function restrictMirror(attributes: AdmissionAttributes, node: string): void {
  const pod = attributes.object as Pod;
  if (pod.metadata.annotations?.[MIRROR] === undefined) {
    throw refused(
      attributes,
      `pod does not have ${JSON.stringify(MIRROR)} annotation, node ${JSON.stringify(node)} can only create mirror pods`,
    );
  }
  if (pod.spec.nodeName !== node)
    throw refused(
      attributes,
      `node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`,
    );
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (!owner || others.length > 0 || owner.kind !== 'Node' || owner.name !== node)
    throw refused(
      attributes,
      `node ${JSON.stringify(node)} can only create pods with an owner reference set to itself`,
    );
  const { volumes = [], serviceAccountName } = pod.spec;
  if (serviceAccountName)
    throw refused(
      attributes,
      `node ${JSON.stringify(node)} can not create pods that reference a service account`,
    );
  if (volumes.some((v) => v.secret || v.configMap || v.persistentVolumeClaim || v.projected))
    throw refused(
      attributes,
      `node ${JSON.stringify(node)} can not create pods that reference other objects`,
    );
}

function restrictNode(attributes: AdmissionAttributes, node: string): void {
  const { name, operation, object, oldObject } = attributes;
  const wanted = name || object?.metadata.name || '';
  if (wanted !== node) {
    throw refused(
      attributes,
      `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(wanted)}`,
    );
  }
  const next = object as Node | undefined;
  const old = oldObject as Node | undefined;
  if (!next) return;
  const problem = labelProblem(old?.metadata.labels ?? {}, next.metadata.labels ?? {});
  if (problem) {
    const which = problem.join(', ');
    throw refused(
      attributes,
      operation === 'CREATE'
        ? `node ${JSON.stringify(node)} is not allowed to set the following labels: ${which}`
        : `is not allowed to modify labels: ${which}`,
    );
  }
  if (operation !== 'UPDATE') return;
  const refs = (n: Node | undefined) => JSON.stringify(n?.metadata.ownerReferences ?? []);
  if (refs(old) !== refs(next))
    throw refused(attributes, `node ${JSON.stringify(node)} is not allowed to modify ownerReferences`);
  const taints = (n: Node | undefined) => JSON.stringify(n?.spec?.taints ?? []);
  if (!attributes.subresource && taints(old) !== taints(next))
    throw refused(attributes, `node ${JSON.stringify(node)} is not allowed to modify taints`);
}

function restrictNamed(attributes: AdmissionAttributes, node: string, what: string): void {
  const name = attributes.name || attributes.object?.metadata.name;
  if (what === 'lease' && attributes.namespace !== 'kube-node-lease')
    throw refused(attributes, `can only access leases in the "kube-node-lease" system namespace`);
  if (name !== node)
    throw refused(attributes, `can only access ${what} with the same name as the requesting node`);
}
