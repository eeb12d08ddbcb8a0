import type { KubeObject } from '#proto/meta/object.ts';
import type { ConfigMap, Node, Pod, Secret } from '#proto/schema/generated/core-v1.ts';

/**
 * What the agent knows of the cluster's wish for this board: on disk, so that it holds across a power cut with no
 * server in reach. Objects are shared: never mutate them.
 */
export interface DesiredState {
  /** True once the board holds a full set, from disk or from the server: only then may pods be removed for being absent. */
  readonly complete: boolean;
  pods(): readonly Pod[];
  node(): Node | undefined;
  configMap(namespace: string, name: string): ConfigMap | undefined;
  secret(namespace: string, name: string): Secret | undefined;
  /** Any kind that the link carries, by plural: services, endpointslices, … */
  list<T extends KubeObject>(plural: string): readonly T[];
  /** Called after each durable change, with the plural and the key (`namespace/name`) that changed. */
  onChange(listener: (plural: string, key: string) => void): () => void;
}

/** The server, when it is in reach. */
export interface Cluster {
  readonly connected: boolean;
  /** Called on every change of `connected`. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /**
   * An API call as this node: `api('PATCH', '/api/v1/namespaces/default/pods/web/status', body, 'application/merge-patch+json')`.
   * Rejects with a `StatusError`; `ServiceUnavailable` while the server is away.
   */
  api<T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T>;
}
