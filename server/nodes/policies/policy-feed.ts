/**
 * What boards are fed of NetworkPolicies: the policies that select their Pods, and the groups of addresses that these name. A
 * group is computed once for all boards, and anew only when one of its Pods or namespaces has changed. A cluster without
 * policies pays nothing.
 */
import { createHash } from 'node:crypto';
import type { AddressGroup, BoardPolicy } from '#proto/agent/board-policy.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { pods } from '#proto/api/core/pods.ts';
import { networkpolicies } from '#proto/api/networking/networkpolicies.ts';
import type { Logger } from '#proto/meta/log.ts';
import { keyOf } from '#proto/meta/object.ts';
import { matchesLabels } from '#proto/meta/selector.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { NetworkPolicy } from '#proto/schema/generated/networking-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import type { InformerFactory } from '#server/client/informer-factory.ts';
import {
  type CompiledPolicy,
  compilePolicy,
  isMember,
  looksSame,
  type PodGroup,
  planGroup,
} from './compile.plan.ts';

export type PolicyKind = 'networkpolicies' | 'addressgroups';
type Listener = (plural: PolicyKind, key: string) => void;

interface Group {
  readonly definition: PodGroup;
  /** Policies that name it. */
  readonly users: Set<string>;
  /** Undefined: to be computed when it is asked for. */
  object: AddressGroup | undefined;
}

export class PolicyFeed {
  readonly #pods: Informer<Pod>;
  readonly #labelsOf: (namespace: string) => Readonly<Record<string, string>> | undefined;
  readonly #log: Logger;
  readonly #policies = new Map<string, CompiledPolicy>();
  /** Keys of policies, by namespace. */
  readonly #byNamespace = new Map<string, Set<string>>();
  readonly #groups = new Map<string, Group>();
  readonly #listeners = new Set<Listener>();

  constructor(informers: InformerFactory, log: Logger) {
    this.#pods = informers.for(pods);
    this.#log = log;
    const known = informers.for(namespaces);
    this.#labelsOf = (name) => {
      const namespace = known.get(name);
      return namespace && (namespace.metadata.labels ?? {});
    };
    informers.for(networkpolicies).onChange((type, policy) => this.#policyChanged(type, policy));
    this.#pods.onChange((type, pod, old) => this.#podChanged(type, pod, old));
    known.onChange((_type, { metadata }, old) => {
      if (this.#groups.size === 0) return;
      if (old && JSON.stringify(metadata.labels) === JSON.stringify(old.metadata.labels)) return;
      for (const [name, { definition }] of this.#groups)
        if (definition.namespace === undefined && definition.namespaces.requirements.length > 0)
          this.#groupChanged(name);
    });
  }

  policy(key: string): BoardPolicy | undefined {
    return this.#policies.get(key)?.policy;
  }

  group(name: string): AddressGroup | undefined {
    const group = this.#groups.get(name);
    if (!group) return undefined;
    group.object ??= planGroup(name, group.definition, this.#pods.values(), this.#labelsOf);
    return group.object;
  }

  /** What a board with these Pods needs: `networkpolicies/<namespace>/<name>` and `addressgroups/<name>`. */
  neededBy(podsOfBoard: readonly Pod[]): string[] {
    if (this.#policies.size === 0) return [];
    const found = new Set<string>();
    for (const { metadata, spec } of podsOfBoard) {
      if (spec.hostNetwork) continue;
      for (const key of this.#byNamespace.get(metadata.namespace ?? '') ?? []) {
        const compiled = this.#policies.get(key);
        if (!compiled || !matchesLabels(compiled.pods, metadata.labels)) continue;
        found.add(`networkpolicies/${key}`);
        for (const name of compiled.groups.keys()) found.add(`addressgroups/${name}`);
      }
    }
    return [...found];
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #policyChanged(type: string, source: NetworkPolicy): void {
    const key = keyOf(source);
    const before = this.#policies.get(key);
    let after: CompiledPolicy | undefined;
    try {
      if (type !== 'DELETED') after = compilePolicy(source, nameOf);
    } catch (err) {
      this.#log.error('a network policy is not understood, what it said before holds', { policy: key, err });
      return;
    }
    const namespace = source.metadata.namespace ?? '';
    const keys = this.#byNamespace.get(namespace) ?? new Set();
    if (after) {
      this.#policies.set(key, after);
      this.#byNamespace.set(namespace, keys.add(key));
    } else {
      this.#policies.delete(key);
      keys.delete(key);
      if (keys.size === 0) this.#byNamespace.delete(namespace);
    }
    for (const [name, definition] of after?.groups ?? []) {
      const group = this.#groups.get(name) ?? { definition, users: new Set<string>(), object: undefined };
      group.users.add(key);
      this.#groups.set(name, group);
    }
    for (const name of before?.groups.keys() ?? []) {
      if (after?.groups.has(name)) continue;
      const group = this.#groups.get(name);
      group?.users.delete(key);
      if (group?.users.size === 0) this.#groups.delete(name);
    }
    this.#tell('networkpolicies', key);
  }

  #podChanged(type: string, pod: Pod, old: Pod | undefined): void {
    if (this.#groups.size === 0) return;
    if (type === 'MODIFIED' && old && looksSame(old, pod)) return;
    for (const [name, { definition }] of this.#groups)
      if ([pod, ...(old ? [old] : [])].some((seen) => isMember(definition, seen, this.#labelsOf)))
        this.#groupChanged(name);
  }

  #groupChanged(name: string): void {
    const group = this.#groups.get(name);
    if (group) group.object = undefined;
    this.#tell('addressgroups', name);
  }

  #tell(plural: PolicyKind, key: string): void {
    for (const listener of [...this.#listeners]) listener(plural, key);
  }
}

const nameOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 20);
