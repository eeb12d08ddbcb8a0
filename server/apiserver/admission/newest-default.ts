import type { KubeObject } from '#proto/meta/object.ts';

/** The name of the newest class that one of these annotations makes the default; of two as new, the first by name. */
export function newestDefault(
  classes: readonly KubeObject[],
  annotations: readonly string[],
): string | undefined {
  const [newest] = classes
    .filter(({ metadata }) => annotations.some((key) => metadata.annotations?.[key] === 'true'))
    .sort(
      (a, b) =>
        (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '') ||
        (a.metadata.name ?? '').localeCompare(b.metadata.name ?? ''),
    );
  return newest?.metadata.name;
}
