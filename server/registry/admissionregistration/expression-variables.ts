import {
  BOOL,
  type CelType,
  DYN,
  INT,
  listOf,
  mapOf,
  objectOf,
  STRING,
  TIMESTAMP,
} from '#server/cel/type.ts';

/** What expressions about a write may name. Rule: apiserver `pkg/admission/plugin/cel/compile.go`. */
const strings = listOf(STRING);
const texts = mapOf(STRING, STRING);

const kind = objectOf('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING });
const resource = objectOf('kubernetes.GroupVersionResource', {
  group: STRING,
  version: STRING,
  resource: STRING,
});

/** `request`. */
export const REQUEST: CelType = objectOf('kubernetes.AdmissionRequest', {
  kind,
  resource,
  subResource: STRING,
  requestKind: kind,
  requestResource: resource,
  requestSubResource: STRING,
  name: STRING,
  namespace: STRING,
  operation: STRING,
  userInfo: objectOf('kubernetes.UserInfo', {
    username: STRING,
    uid: STRING,
    groups: strings,
    extra: mapOf(STRING, strings),
  }),
  dryRun: BOOL,
  options: DYN,
});

/** `namespaceObject`. */
export const NAMESPACE: CelType = objectOf('kubernetes.Namespace', {
  metadata: objectOf('kubernetes.NamespaceMetadata', {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: texts,
    annotations: texts,
    UID: STRING,
    creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT,
    deletionTimestamp: TIMESTAMP,
    generation: INT,
    resourceVersion: STRING,
    finalizers: strings,
  }),
  spec: objectOf('kubernetes.NamespaceSpec', { finalizers: strings }),
  status: objectOf('kubernetes.NamespaceStatus', {
    conditions: listOf(
      objectOf('kubernetes.NamespaceCondition', {
        status: STRING,
        type: STRING,
        lastTransitionTime: TIMESTAMP,
        message: STRING,
        reason: STRING,
      }),
    ),
    phase: STRING,
  }),
});
