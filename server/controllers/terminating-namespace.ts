import { StatusError } from '#proto/meta/status-error.ts';

/** A create was refused because its namespace goes: no use in trying again, the namespace takes the owner with it. */
export const isNamespaceTerminating = (err: unknown): boolean =>
  err instanceof StatusError &&
  (err.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');
