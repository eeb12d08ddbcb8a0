/** Epoch milliseconds; an absent or unreadable time is 0, the beginning. */
export const timeOf = (text: string | undefined): number => (text ? Date.parse(text) || 0 : 0);

/** Oldest first, names decide between equals. */
export function byCreation(
  a: { metadata: { creationTimestamp?: string | undefined; name?: string | undefined } },
  b: { metadata: { creationTimestamp?: string | undefined; name?: string | undefined } },
): number {
  const order = timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp);
  return order || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}
