import type { PolicyRule } from '#proto/schema/generated/rbac-v1.ts';

const words = (text: string): string[] => text.split(' ');

/** `rule('get list', 'apps', 'deployments replicasets')`; `''` is the core group. */
export const rule = (verbs: string, groups: string, resources: string, names?: string): PolicyRule => ({
  verbs: words(verbs),
  apiGroups: words(groups),
  resources: words(resources),
  ...(names === undefined ? {} : { resourceNames: words(names) }),
});

/** The same for bare paths. */
export const paths = (verbs: string, urls: string): PolicyRule => ({
  verbs: words(verbs),
  nonResourceURLs: words(urls),
});

export const READ = 'get list watch';
export const WRITE = 'create delete deletecollection patch update';
export const READ_WRITE = `${WRITE} ${READ}`;
