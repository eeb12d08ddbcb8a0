/**
 * What Coracle's scheduler understands beside the Pod's spec. All of them are wishes: a scheduler that does not know them
 * ignores them.
 */

/** RFC 3339. Among Pods of one priority, the earlier deadline is placed first; Pods without come after those. */
export const DEADLINE = 'scheduling.coracle.dev/deadline';
/** Label or annotation: the group's name within the namespace. Its Pods are placed all or not at all. */
export const POD_GROUP = 'scheduling.coracle.dev/pod-group';
/** How many Pods of the group have to be placed at once; fewer are not bound. The largest that a Pod of it says counts. */
export const POD_GROUP_MIN = 'scheduling.coracle.dev/pod-group-min-member';
/** Seconds for which a group holds room while others leave or volumes are made for it; 600 where absent. */
export const POD_GROUP_TIMEOUT = 'scheduling.coracle.dev/pod-group-timeout-seconds';
