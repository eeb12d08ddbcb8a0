import type { Status, StatusCause, StatusDetails } from '#proto/schema/generated/meta-v1.ts';

/** The reasons of `metav1.StatusReason` that Coracle answers with, each with its HTTP code. */
export const CODE_OF_REASON = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  ServerTimeout: 500,
} as const;

export type StatusReason = keyof typeof CODE_OF_REASON;

/** A resource as error messages name it: `deployments.apps`. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/**
 * The one error that crosses layers: a Kubernetes `Status` of failure. `message` is what a person reads,
 * `reason` what a client branches on. Rule: apimachinery `pkg/api/errors`.
 */
export class StatusError extends Error {
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails | undefined;

  constructor(
    reason: StatusReason,
    message: string,
    options: { details?: StatusDetails; cause?: unknown; code?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StatusError';
    this.reason = reason;
    this.code = options.code ?? CODE_OF_REASON[reason];
    this.details = options.details;
  }

  /** The body that goes over the wire. */
  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }

  /** Rebuilds the error from a `Status` that a server answered. */
  static from(status: Status): StatusError {
    const reason =
      status.reason && status.reason in CODE_OF_REASON ? (status.reason as StatusReason) : undefined;
    return new StatusError(reason ?? reasonOfCode(status.code ?? 500), status.message ?? 'unknown error', {
      ...(status.details ? { details: status.details } : {}),
      ...(status.code ? { code: status.code } : {}),
    });
  }
}

function reasonOfCode(code: number): StatusReason {
  const hit = Object.entries(CODE_OF_REASON).find(([, value]) => value === code);
  return (hit?.[0] as StatusReason | undefined) ?? 'InternalError';
}

const qualified = (r: GroupResource): string => (r.group ? `${r.resource}.${r.group}` : r.resource);

const about = (r: GroupResource, name: string, causes?: StatusCause[]): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(r.group ? { group: r.group } : {}),
  kind: r.resource,
  ...(causes && causes.length > 0 ? { causes } : {}),
});

export const badRequest = (message: string, cause?: unknown): StatusError =>
  new StatusError('BadRequest', message, { cause });

export const unauthorized = (message = 'Unauthorized'): StatusError =>
  new StatusError('Unauthorized', message);

/** `message` is the sentence after "is forbidden: ". */
export const forbidden = (r: GroupResource, name: string, message: string): StatusError =>
  new StatusError('Forbidden', `${qualified(r)}${name ? ` "${name}"` : ''} is forbidden: ${message}`, {
    details: about(r, name),
  });

export const notFound = (r: GroupResource, name: string): StatusError =>
  new StatusError('NotFound', `${qualified(r)} "${name}" not found`, { details: about(r, name) });

export const alreadyExists = (r: GroupResource, name: string): StatusError =>
  new StatusError('AlreadyExists', `${qualified(r)} "${name}" already exists`, { details: about(r, name) });

/** A write against a stale `resourceVersion` or a precondition that does not hold. */
export const conflict = (r: GroupResource, name: string, message: string): StatusError =>
  new StatusError('Conflict', `Operation cannot be fulfilled on ${qualified(r)} "${name}": ${message}`, {
    details: about(r, name),
  });

/** The sentence that upstream uses when `resourceVersion` is stale. */
export const STALE =
  'the object has been modified; please apply your changes to the latest version and try again';

/** `kind` is the qualified kind as upstream writes it: `Deployment.apps "web" is invalid: …`. */
export function invalid(
  kind: { group: string; kind: string },
  name: string,
  causes: StatusCause[],
): StatusError {
  const what = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  const lines = [...new Set(causes.map((c) => (c.field ? `${c.field}: ${c.message}` : `${c.message}`)))];
  const text = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return new StatusError('Invalid', `${what} "${name}" is invalid: ${text}`, {
    details: {
      ...(name ? { name } : {}),
      ...(kind.group ? { group: kind.group } : {}),
      kind: kind.kind,
      causes,
    },
  });
}

/** The watch or list revision is older than what the store still knows. */
export const expired = (message: string): StatusError => new StatusError('Expired', message);

export const methodNotAllowed = (r: GroupResource, verb: string): StatusError =>
  new StatusError('MethodNotAllowed', `${verb} is not supported on resources of kind "${qualified(r)}"`, {
    details: about(r, ''),
  });

/** No such method at this path, whatever the kind: what routes say, not handlers. */
export const noSuchMethod = (): StatusError =>
  new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });

/** Nothing is served at this path of a group that is. */
export const noSuchPath = (): StatusError =>
  new StatusError('NotFound', 'the server could not find the requested resource', { details: {} });

export const internalError = (cause: unknown): StatusError =>
  new StatusError(
    'InternalError',
    `Internal error occurred: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause, details: { causes: [{ message: cause instanceof Error ? cause.message : String(cause) }] } },
  );

export const serviceUnavailable = (message: string): StatusError =>
  new StatusError('ServiceUnavailable', message);

export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
  new StatusError('TooManyRequests', message, { details: { retryAfterSeconds } });

const is =
  (reason: StatusReason) =>
  (err: unknown): err is StatusError =>
    err instanceof StatusError && err.reason === reason;

export const isNotFound = is('NotFound');
export const isConflict = is('Conflict');
export const isAlreadyExists = is('AlreadyExists');
export const isInvalid = is('Invalid');
/** 410: the caller must list again. */
export const isExpired = (err: unknown): err is StatusError => err instanceof StatusError && err.code === 410;
