/** Of Coracle itself. */
export const VERSION = '0.1.0';

/** The minor release of Kubernetes whose API is spoken; clients compare it with their own. */
export const KUBERNETES_MINOR = 36;

/** The whole release; what `kubectl version` and nodes show carries Coracle's version behind it. */
export const KUBERNETES_VERSION = `v1.${KUBERNETES_MINOR}.0+coracle.${VERSION}`;
