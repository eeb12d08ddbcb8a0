/** Of Coracle itself. */
export const VERSION = '0.1.0';

/** The Kubernetes release whose API is spoken; what `kubectl version` and nodes show carries Coracle's version behind it. */
export const KUBERNETES_VERSION = `v1.36.0+coracle.${VERSION}`;
