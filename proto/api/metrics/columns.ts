import { text } from '#proto/api/columns.ts';
import type { Column } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';

/** What metrics-server shows of either kind. */
export const usageColumns = <T extends KubeObject & { readonly window: string }>(
  usage: (object: T) => Readonly<Record<string, string>>,
): readonly Column<T>[] => [
  text('cpu', (object: T) => usage(object)['cpu'] ?? ''),
  text('memory', (object: T) => usage(object)['memory'] ?? ''),
  text('Window', (object: T) => object.window),
];
