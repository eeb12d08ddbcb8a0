import { certificatesigningrequests } from '#proto/api/certificates/certificatesigningrequests.ts';
import { leases } from '#proto/api/coordination/leases.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { resourceslices } from '#proto/api/resource/resourceslices.ts';
import type { Resource } from '#proto/api/resource.ts';
import { csinodes } from '#proto/api/storage/csinodes.ts';
import { readCsr } from '#proto/pki/csr.ts';
import { fromPem } from '#proto/pki/pem.ts';
import type { CertificateSigningRequest } from '#proto/schema/generated/certificates-v1.ts';
import type { Node, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { ResourceSlice } from '#proto/schema/generated/resource-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { labelProblem } from '#server/apiserver/admission/node-labels.ts';
import { restrictPod } from '#server/apiserver/admission/node-restriction-pod.ts';
import { restrictToken } from '#server/apiserver/admission/node-restriction-token.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import { nodeNameOf } from '#server/apiserver/authz/node-authorizer.ts';
import { isSame } from '#server/registry/validation/field-checks.ts';

const isKind = (resource: Resource, kind: Resource): boolean =>
  resource.plural === kind.plural && resource.group === kind.group;

/**
 * A node writes about itself and its own pods. The authorizer lets it at these kinds; this looks at what it writes.
 * Rule: upstream's NodeRestriction.
 */
export class NodeRestriction implements AdmissionPlugin {
  readonly name = 'NodeRestriction';
  readonly #reader: ObjectReader;
  readonly #authorizer: Authorizer;

  constructor(reader: ObjectReader, authorizer: Authorizer) {
    this.#reader = reader;
    this.#authorizer = authorizer;
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return;
    const { resource, subresource, operation } = attributes;
    if (isKind(resource, pods)) restrictPod(this.#reader, attributes, node);
    else if (isKind(resource, nodes)) restrictNode(attributes, node);
    else if (isKind(resource, persistentvolumeclaims)) restrictClaim(attributes, node);
    else if (isKind(resource, leases)) restrictLease(attributes, node);
    else if (isKind(resource, csinodes)) restrictNamed(attributes, node, 'CSINode');
    else if (isKind(resource, resourceslices)) restrictSlice(attributes, node);
    else if (isKind(resource, certificatesigningrequests)) restrictRequest(attributes, node);
    else if (isKind(resource, serviceaccounts) && subresource === 'token' && operation === 'CREATE')
      await restrictToken(this.#reader, this.#authorizer, attributes, node);
  }
}

function restrictNode(attributes: AdmissionAttributes, node: string): void {
  const { name, operation, object, oldObject } = attributes;
  const wanted = name || object?.metadata.name || '';
  const me = `node ${JSON.stringify(node)}`;
  if (wanted !== node)
    throw refused(attributes, `${me} is not allowed to modify node ${JSON.stringify(wanted)}`);
  const next = object as Node | undefined;
  const old = oldObject as Node | undefined;
  if (!next || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
  const labels = labelProblem(old?.metadata.labels ?? {}, next.metadata.labels ?? {})?.join(', ');
  const { configSource } = next.spec ?? {};
  if (operation === 'CREATE') {
    if (configSource)
      throw refused(attributes, `${me} is not allowed to create pods with a non-nil configSource`);
    if (labels) throw refused(attributes, `${me} is not allowed to set the following labels: ${labels}`);
    return;
  }
  if (configSource && !isSame(configSource, old?.spec?.configSource))
    throw refused(attributes, `${me} is not allowed to update configSource to a new non-nil configSource`);
  // A status update has no say in the rest, whatever it carries.
  if (!attributes.subresource && !isSame(old?.spec?.taints ?? [], next.spec?.taints ?? []))
    throw refused(attributes, `${me} is not allowed to modify taints`);
  if (!isSame(old?.metadata.ownerReferences ?? [], next.metadata.ownerReferences ?? []))
    throw refused(attributes, `${me} is not allowed to modify ownerReferences`);
  if (labels) throw refused(attributes, `is not allowed to modify labels: ${labels}`);
}

/** What a node reports of a volume that grew, and nothing beside it. */
function restrictClaim(attributes: AdmissionAttributes, node: string): void {
  if (attributes.subresource !== 'status') throw refused(attributes, 'may only update PVC status');
  if (attributes.operation !== 'UPDATE')
    throw refused(attributes, `unexpected operation ${JSON.stringify(attributes.operation)}`);
  const rest = (claim: PersistentVolumeClaim): object => {
    const { resourceVersion: _, managedFields: __, ...metadata } = claim.metadata;
    const { capacity, conditions, allocatedResources, allocatedResourceStatuses, ...status } =
      claim.status ?? {};
    return { ...claim, metadata, status };
  };
  const [old, next] = [attributes.oldObject, attributes.object] as PersistentVolumeClaim[];
  if (old && next && !isSame(rest(old), rest(next)))
    throw refused(
      attributes,
      `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`,
    );
}

function restrictLease(attributes: AdmissionAttributes, node: string): void {
  if (attributes.namespace !== 'kube-node-lease')
    throw refused(attributes, 'can only access leases in the "kube-node-lease" system namespace');
  restrictNamed(attributes, node, 'node lease');
}

function restrictNamed(attributes: AdmissionAttributes, node: string, what: string): void {
  if ((attributes.name || attributes.object?.metadata.name) !== node)
    throw refused(attributes, `can only access ${what} with the same name as the requesting node`);
}

function restrictSlice(attributes: AdmissionAttributes, node: string): void {
  const { operation, object, oldObject } = attributes;
  if (operation !== 'CREATE' && operation !== 'DELETE') return;
  const slice = (operation === 'CREATE' ? object : oldObject) as ResourceSlice | undefined;
  if (slice?.spec.nodeName !== node)
    throw refused(
      attributes,
      `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`,
    );
}

const NODE_SIGNERS = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'];

function restrictRequest(attributes: AdmissionAttributes, node: string): void {
  if (attributes.operation !== 'CREATE') return;
  const { spec } = attributes.object as CertificateSigningRequest;
  if (!NODE_SIGNERS.includes(spec?.signerName)) return;
  let commonName: string;
  try {
    const pem = Buffer.from(spec.request, 'base64').toString('latin1');
    commonName = readCsr(fromPem('CERTIFICATE REQUEST', pem)).subject.commonName;
  } catch (err) {
    throw refused(attributes, `unable to parse csr: ${err instanceof Error ? err.message : err}`);
  }
  if (commonName !== `system:node:${node}`)
    throw refused(attributes, `can only create a node CSR with CN=system:node:${node}`);
}
