import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { groupResourceOf } from '#proto/api/resource.ts';
import { csidrivers } from '#proto/api/storage/csidrivers.ts';
import { notFound } from '#proto/meta/status-error.ts';
import type { TokenRequest } from '#proto/schema/generated/authentication-v1.ts';
import type { Pod, Volume } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes } from '#server/apiserver/admission/admission.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';

/** A node asks for tokens of pods that it runs, for the audiences that their volumes name. */
export async function restrictToken(
  reader: ObjectReader,
  authorizer: Authorizer,
  attributes: AdmissionAttributes,
  node: string,
): Promise<void> {
  const { spec } = attributes.object as TokenRequest;
  const ref = spec?.boundObjectRef;
  if (ref?.kind !== 'Pod' || ref.apiVersion !== 'v1' || !ref.name)
    throw refused(attributes, 'node requested token not bound to a pod');
  if (!ref.uid) throw refused(attributes, 'node requested token with a pod binding without a uid');
  const pod = reader.get(pods, attributes.namespace, ref.name);
  if (!pod) throw notFound(groupResourceOf(pods), ref.name);
  if (pod.metadata.uid !== ref.uid)
    throw refused(
      attributes,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec.nodeName !== node)
    throw refused(attributes, 'node requested token bound to a pod scheduled on a different node');
  const [audience = '', ...more] = spec?.audiences ?? [];
  if (more.length > 0) throw refused(attributes, 'node may only request 0 or 1 audiences');
  if (namesAudience(reader, pod, audience)) return;
  const { user, namespace, name } = attributes;
  const decision = await authorizer.authorize({
    kind: 'resource',
    user,
    verb: 'request-serviceaccounts-token-audience',
    group: '',
    version: 'v1',
    resource: audience,
    namespace,
    name,
  });
  if (decision.allowed) return;
  throw refused(
    attributes,
    `audience ${JSON.stringify(audience)} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
  );
}

const namesAudience = (reader: ObjectReader, pod: Pod, audience: string): boolean =>
  (pod.spec.volumes ?? []).some((volume) => {
    const sources = volume.projected?.sources ?? [];
    if (
      sources.some((one) => one.serviceAccountToken && (one.serviceAccountToken.audience ?? '') === audience)
    )
      return true;
    const driver = driverOf(reader, pod, volume);
    const requests = (driver && reader.get(csidrivers, undefined, driver)?.spec.tokenRequests) || [];
    return requests.some((one) => one.audience === audience);
  });

/** The CSI driver that mounts the volume, if one does. */
function driverOf(reader: ObjectReader, { metadata }: Pod, volume: Volume): string | undefined {
  if (volume.csi) return volume.csi.driver;
  const claimName = volume.ephemeral
    ? `${metadata.name}-${volume.name}`
    : volume.persistentVolumeClaim?.claimName;
  const claim = claimName ? reader.get(persistentvolumeclaims, metadata.namespace, claimName) : undefined;
  const volumeName = claim?.spec.volumeName;
  return volumeName ? reader.get(persistentvolumes, undefined, volumeName)?.spec.csi?.driver : undefined;
}
