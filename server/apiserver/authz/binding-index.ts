import type { ClusterRoleBinding, RoleBinding, RoleRef, Subject } from '#proto/schema/generated/rbac-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';

/** One subject of one binding. */
export interface Bound {
  /** Undefined for a ClusterRoleBinding. */
  readonly namespace: string | undefined;
  readonly name: string;
  readonly roleRef: RoleRef;
  readonly subject: Subject;
}

/** `''` stands for the cluster: no namespace has that name. */
const placeOf = (namespace: string | undefined): string => namespace ?? '';

const userKey = (name: string): string => `u ${name}`;
const groupKey = (name: string): string => `g ${name}`;

/** The user or group that a subject means; undefined for one that means nobody. */
function subjectKey(subject: Subject, namespace: string | undefined): string | undefined {
  switch (subject.kind) {
    case 'User':
      return userKey(subject.name);
    case 'Group':
      return groupKey(subject.name);
    case 'ServiceAccount': {
      const where = subject.namespace || namespace;
      return where ? userKey(`system:serviceaccount:${where}:${subject.name}`) : undefined;
    }
    default:
      return undefined;
  }
}

/** Bindings by place and subject. */
export class BindingIndex {
  readonly #places = new Map<string, Map<string, Bound[]>>();
  /** `namespace/name` → the keys under which its subjects lie. */
  readonly #keys = new Map<string, string[]>();

  set({ metadata, roleRef, subjects }: RoleBinding | ClusterRoleBinding): void {
    const { namespace, name = '' } = metadata;
    this.remove(namespace, name);
    const place = this.#places.get(placeOf(namespace)) ?? new Map<string, Bound[]>();
    const keys: string[] = [];
    for (const subject of subjects ?? []) {
      const key = subjectKey(subject, namespace);
      if (key === undefined) continue;
      keys.push(key);
      const bucket = place.get(key);
      const bound = { namespace, name, roleRef, subject };
      if (bucket) bucket.push(bound);
      else place.set(key, [bound]);
    }
    if (keys.length === 0) return;
    this.#places.set(placeOf(namespace), place);
    this.#keys.set(`${placeOf(namespace)}/${name}`, keys);
  }

  remove(namespace: string | undefined, name: string): void {
    const id = `${placeOf(namespace)}/${name}`;
    const place = this.#places.get(placeOf(namespace));
    for (const key of this.#keys.get(id) ?? []) {
      const rest = (place?.get(key) ?? []).filter((bound) => bound.name !== name);
      if (rest.length > 0) place?.set(key, rest);
      else place?.delete(key);
    }
    this.#keys.delete(id);
    if (place?.size === 0) this.#places.delete(placeOf(namespace));
  }

  /** What is bound to the user or one of its groups: in the cluster, and in the namespace. */
  of(user: UserInfo, namespace: string | undefined): Bound[] {
    const keys = [userKey(user.name), ...user.groups.map(groupKey)];
    const found: Bound[] = [];
    for (const place of namespace ? [placeOf(undefined), namespace] : [placeOf(undefined)]) {
      const buckets = this.#places.get(place);
      if (buckets) for (const key of keys) found.push(...(buckets.get(key) ?? []));
    }
    return found;
  }
}
