/**
 * What is written on sandboxes and containers, so that the state of a pod can be read back from the runtime
 * after any restart. The `io.kubernetes.*` names are the ones that other CRI tools read.
 */
export const POD_NAME = 'io.kubernetes.pod.name';
export const POD_NAMESPACE = 'io.kubernetes.pod.namespace';
export const POD_UID = 'io.kubernetes.pod.uid';
export const CONTAINER_NAME = 'io.kubernetes.container.name';

export const CONTAINER_HASH = 'io.kubernetes.container.hash';
/** Limits and requests at the start, for in-place resize. */
export const RESOURCES = 'coracle.io/container-resources';
/** Devices that the container was given: who has what is read back from here. */
export const DEVICES = 'coracle.io/devices';
export const RESTART_COUNT = 'io.kubernetes.container.restartCount';
export const TERMINATION_MESSAGE_PATH = 'io.kubernetes.container.terminationMessagePath';
export const TERMINATION_MESSAGE_POLICY = 'io.kubernetes.container.terminationMessagePolicy';
export const GRACE_PERIOD = 'io.kubernetes.pod.terminationGracePeriod';

/** Seconds that the restart after this run has to wait: the crash back-off survives the agent this way. */
export const BACKOFF_SECONDS = 'coracle.io/restart-backoff-seconds';
/** Epoch milliseconds: `status.startTime` of the pod. */
export const START_TIME = 'coracle.io/pod-start-time';
