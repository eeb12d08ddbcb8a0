import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { resourceslices } from '#proto/api/resource/resourceslices.ts';
import { volumeattachments } from '#proto/api/storage/volumeattachments.ts';
import { parseFieldSelector, requiredField } from '#proto/meta/field-selector.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { AuthorizationRequest, Authorizer, Decision } from '#server/apiserver/authz/authorizer.ts';
import { podRefersTo, type ReferenceKind } from '#server/apiserver/authz/node-references.ts';
import { NODE_RULES } from '#server/apiserver/authz/node-rules.ts';
import { ruleAllows } from '#server/apiserver/authz/rules.ts';

type ResourceRequest = Extract<AuthorizationRequest, { kind: 'resource' }>;

/** The node that the user is; undefined for everybody else. */
export function nodeNameOf(user: UserInfo): string | undefined {
  const prefix = 'system:node:';
  return user.groups.includes('system:nodes') && user.name.startsWith(prefix) && user.name !== prefix
    ? user.name.slice(prefix.length)
    : undefined;
}

const no = (reason: string): Decision => ({ allowed: false, reason });
const yes: Decision = { allowed: true };
const READS = ['get', 'list', 'watch'];

/**
 * A node reads what its pods need, and itself, and nothing else: one stolen board gives away the secrets of its own pods
 * only. Which pods are on which node is kept as keys alone; what a pod refers to is read from it when asked.
 * Rule: upstream's `NodeAuthorizer`.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #reader: ObjectReader;
  readonly #podsOfNode = new Map<string, Set<string>>();
  readonly #stop: () => void;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
    this.#stop = reader.follow(pods, (pod, change, previous) => this.#keep(pod, change, previous));
  }

  close(): void {
    this.#stop();
  }

  authorize(request: AuthorizationRequest): Decision {
    const node = nodeNameOf(request.user);
    if (node === undefined) return { allowed: false };
    if (request.kind === 'resource') {
      switch (`${request.resource}.${request.group}`) {
        case 'secrets.':
        case 'configmaps.':
          return this.#readReferred(node, request);
        case 'persistentvolumeclaims.':
          if (request.subresource !== 'status') return this.#readReferred(node, request);
          return this.#refers(node, request) && ['get', 'update', 'patch'].includes(request.verb)
            ? yes
            : no(noPath(node));
        case 'persistentvolumes.':
          return this.#readVolume(node, request);
        case 'serviceaccounts.':
          return this.#account(node, request);
        case 'nodes.':
          return ownNode(node, request);
        case 'pods.':
          return this.#pods(node, request);
        case 'leases.coordination.k8s.io':
          return ownLease(node, request);
        case 'volumeattachments.storage.k8s.io':
          return this.#attachment(node, request);
        case 'resourceclaims.resource.k8s.io':
          return this.#claim(node, request);
        case 'resourceslices.resource.k8s.io':
          return this.#slice(node, request);
        case 'csinodes.storage.k8s.io':
          return named(node, request, 'CSINode', ['create', 'get', 'update', 'patch', 'delete']);
        default:
      }
    }
    return NODE_RULES.some((rule) => ruleAllows(rule, request)) ? yes : { allowed: false };
  }

  #keep(pod: Pod, change: 'put' | 'delete', previous: Pod | undefined): void {
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const before = previous?.spec.nodeName;
    const after = change === 'put' ? pod.spec.nodeName : undefined;
    if (before && before !== after) {
      const keys = this.#podsOfNode.get(before);
      keys?.delete(key);
      if (keys?.size === 0) this.#podsOfNode.delete(before);
    }
    if (!after) return;
    const keys = this.#podsOfNode.get(after);
    if (keys) keys.add(key);
    else this.#podsOfNode.set(after, new Set([key]));
  }

  *#podsIn(node: string, namespace: string | undefined): Iterable<Pod> {
    for (const key of this.#podsOfNode.get(node) ?? []) {
      const slash = key.indexOf('/');
      if (namespace !== undefined && key.slice(0, slash) !== namespace) continue;
      const pod = this.#reader.get(pods, key.slice(0, slash), key.slice(slash + 1));
      if (pod) yield pod;
    }
  }

  #refers(node: string, { namespace, resource, name }: ResourceRequest): boolean {
    if (!name || !namespace) return false;
    for (const { spec, metadata } of this.#podsIn(node, namespace)) {
      if (podRefersTo(spec, metadata.name ?? '', resource as ReferenceKind, name)) return true;
    }
    return false;
  }

  #readReferred(node: string, request: ResourceRequest): Decision {
    if (!READS.includes(request.verb)) return no('can only read resources of this type');
    if (request.subresource) return no('cannot read subresource');
    if (!request.namespace) return no('can only read namespaced object of this type');
    if (!request.name) return no('No Object name found');
    return this.#refers(node, request) ? yes : no(noPath(node));
  }

  #readVolume(node: string, request: ResourceRequest): Decision {
    const problem = getProblem(request);
    if (problem) return no(problem);
    const claim = this.#reader.get(persistentvolumes, undefined, request.name ?? '')?.spec.claimRef;
    const used =
      claim !== undefined &&
      this.#refers(node, {
        ...request,
        resource: 'persistentvolumeclaims',
        namespace: claim.namespace,
        name: claim.name,
      });
    return used ? yes : no(noPath(node));
  }

  #attachment(node: string, request: ResourceRequest): Decision {
    const problem = getProblem(request);
    if (problem) return no(problem);
    const found = this.#reader.get(volumeattachments, undefined, request.name ?? '');
    return found?.spec.nodeName === node ? yes : no(noPath(node));
  }

  #claim(node: string, request: ResourceRequest): Decision {
    const problem = getProblem(request);
    if (problem) return no(problem);
    for (const { spec, status } of this.#podsIn(node, request.namespace)) {
      const named = [...(spec.resourceClaims ?? []), ...(status?.resourceClaimStatuses ?? [])];
      if (named.some(({ resourceClaimName }) => resourceClaimName === request.name)) return yes;
    }
    return no(noPath(node));
  }

  #slice(node: string, { verb, subresource, name, fieldSelector }: ResourceRequest): Decision {
    if (subresource) return no('cannot authorize ResourceSlice subresources');
    switch (verb) {
      case 'create':
        // Whose it is, admission knows: it has the object.
        return yes;
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        if (!name) return no('No Object name found');
        return this.#reader.get(resourceslices, undefined, name)?.spec.nodeName === node
          ? yes
          : no(noPath(node));
      case 'watch':
      case 'list':
      case 'deletecollection':
        return selects(fieldSelector, 'spec.nodeName', node)
          ? yes
          : no('can only list/watch/deletecollection resourceslices with nodeName field selector');
      default:
        return no(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
        );
    }
  }

  #account(node: string, request: ResourceRequest): Decision {
    const asks = request.verb === 'create' && request.subresource === 'token';
    if (!asks && !(request.verb === 'get' && !request.subresource))
      return no('can only get service accounts and create tokens for individual service accounts');
    return this.#refers(node, request) ? yes : no(noPath(node));
  }

  #pods(node: string, request: ResourceRequest): Decision {
    const { verb, subresource, name, namespace, fieldSelector } = request;
    if (subresource === 'status' || subresource === 'eviction' || verb === 'create' || verb === 'delete') {
      // Whose pod it is, admission knows: it has the object.
      return NODE_RULES.some((rule) => ruleAllows(rule, request)) ? yes : { allowed: false };
    }
    if (subresource) return no('cannot read subresource');
    if (!READS.includes(verb)) return { allowed: false };
    if (name && this.#podsOfNode.get(node)?.has(`${namespace}/${name}`)) return yes;
    if (verb === 'get') return no(noPath(node));
    return selects(fieldSelector, 'spec.nodeName', node)
      ? yes
      : no('can only list/watch pods with spec.nodeName field selector');
  }
}

function selects(selector: string | undefined, field: string, value: string): boolean {
  try {
    return requiredField(parseFieldSelector(selector ?? ''), field) === value;
  } catch {
    return false;
  }
}

function getProblem({ verb, subresource, name }: ResourceRequest): string | undefined {
  if (verb !== 'get') return 'can only get individual resources of this type';
  if (subresource) return 'cannot get subresource';
  return name ? undefined : 'No Object name found';
}

const noPath = (node: string): string => `no relationship found between node '${node}' and this object`;

function ownNode(node: string, request: ResourceRequest): Decision {
  const { verb, subresource, name, fieldSelector } = request;
  if (!subresource && READS.includes(verb)) {
    if (name)
      return name === node ? yes : no(`node '${node}' cannot read '${name}', only its own Node object`);
    if (selects(fieldSelector, 'metadata.name', node)) return yes;
    return no(`node '${node}' cannot read all nodes, only its own Node object`);
  }
  // Whether it is its own is up to admission (NodeRestriction): a create has its name in the body.
  return NODE_RULES.some((rule) => ruleAllows(rule, request)) ? yes : { allowed: false };
}

function ownLease(node: string, request: ResourceRequest): Decision {
  if (request.namespace !== 'kube-node-lease')
    return no(`can only access leases in the "kube-node-lease" system namespace`);
  return named(node, request, 'node lease', ['get', 'create', 'update', 'patch', 'delete']);
}

function named(node: string, request: ResourceRequest, what: string, verbs: readonly string[]): Decision {
  if (!verbs.includes(request.verb)) return no(`can only ${verbs.join(', ')} a ${what}`);
  if (request.subresource) return no(`cannot authorize ${what} subresources`);
  // On create the name is in the body, which admission checks.
  if (request.verb !== 'create' && request.name !== node)
    return no(`can only access ${what} with the same name as the requesting node`);
  return yes;
}
