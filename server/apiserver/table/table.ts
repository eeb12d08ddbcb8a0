import { DEFAULT_COLUMNS } from '#proto/api/columns.ts';
import type { Column, Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';

/** What `?includeObject=` asks to come with each row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly version: 'v1' | 'v1beta1';
  readonly include: IncludeObject;
  readonly now: number;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: object;
  /** Null where a watch has told them before. */
  readonly columnDefinitions: readonly object[] | null;
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object?: unknown }[];
}

/** Objects as `kubectl get` prints them. `withColumns`: a watch names its columns in the first event only. */
export function tableOf(
  resource: Resource,
  objects: readonly KubeObject[],
  metadata: object,
  options: TableOptions,
  withColumns = true,
): Table {
  const columns = resource.columns ?? DEFAULT_COLUMNS;
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: withColumns ? columns.map(definition) : null,
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.value(object, options.now)),
      ...rowObject(object, options),
    })),
  };
}

const definition = (column: Column<KubeObject>): object => ({
  name: column.name,
  type: column.type,
  format: column.format ?? '',
  description: column.description ?? '',
  priority: column.priority ?? 0,
});

function rowObject(object: KubeObject, { include, version }: TableOptions): { object?: unknown } {
  switch (include) {
    case 'None':
      return {};
    case 'Object':
      return { object };
    case 'Metadata':
      return { object: partialMetadata(object, version) };
  }
}

/** The object reduced to its metadata. */
export const partialMetadata = (object: KubeObject, version: string): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: object.metadata,
});
