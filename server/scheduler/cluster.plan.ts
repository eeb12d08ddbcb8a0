import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import type { PodDisruptionBudget } from '#proto/schema/generated/policy-v1.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import type { AffinityTerm, Labelled } from './affinity-terms.plan.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';

export type Labels = Readonly<Record<string, string>> | undefined;

/** Pods to count, by the place that their node is in. */
export interface Counted {
  /** Equal for what counts the same. */
  readonly key: string;
  readonly topologyKey: string;
  readonly matches: (pod: PodInfo) => boolean;
  /** Nodes that count, with what is on them; absent: all that have the label. A place without Pods counts 0. */
  readonly includes?: (node: NodeInfo) => boolean;
}

export interface Counts {
  /** By value of the topology label. */
  readonly byValue: ReadonlyMap<string, number>;
  readonly total: number;
}

/** What a rule of Pods that are placed already has to do with others. */
export type ExistingRule = 'requiredAnti' | 'required' | 'preferred' | 'preferredAnti';

/** Equal terms of placed Pods, and how many of these Pods are in each place. `weight` is 0 for what is required. */
export interface ExistingTerm {
  readonly rule: ExistingRule;
  readonly term: AffinityTerm;
  readonly weight: number;
  readonly byValue: ReadonlyMap<string, number>;
}

/** What Pods' volumes are about, as the API tells. */
export interface Volumes {
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): Iterable<PersistentVolume>;
  storageClass(name: string): StorageClass | undefined;
}

/** Everything that filters and scores may know. True until the next change; nobody who looks at it changes it. */
export interface Cluster {
  readonly nodes: readonly NodeInfo[];
  readonly volumes: Volumes;
  node(name: string): NodeInfo | undefined;
  counts(counted: Counted): Counts;
  existingTerms(): Iterable<ExistingTerm>;
  namespaceLabels(namespace: string): Labels;
  /** Is there a Pod among those that wait for room on a node that requires distance? */
  readonly nominatedMind: boolean;
  /** Placed Pods that use a claim, by its `namespace/name`. */
  claimUsers(key: string): readonly PodInfo[];
  /** Of how many nodes is the image known. */
  nodesWithImage(name: string): number;
  /** Of what owns the Pod and of the Services that select it; undefined where nothing does. */
  defaultSelector(pod: PodInfo): readonly LabelSelector[] | undefined;
  budgets(): readonly PodDisruptionBudget[];
}

export const labelledOf = ({ namespace, labels }: PodInfo): Labelled => ({ namespace, labels });
