/** The token of `Authorization: Bearer …`; undefined for another scheme or none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const parts = authorization?.trim().split(' ') ?? [];
  if (parts.length < 2 || parts[0]?.toLowerCase() !== 'bearer') return undefined;
  return parts[1] || undefined;
}
