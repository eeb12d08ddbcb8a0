import * as grpc from '@grpc/grpc-js';
import { RuntimeError } from '../runtime.ts';

/** A method as generated code describes it. */
export type Method<Request, Answer> = Pick<
  grpc.MethodDefinition<Request, Answer>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>;

/**
 * One client of containerd's socket, made anew when it does not get ready: a peer that accepts a connection and then says
 * nothing (a frozen containerd) would hold a gRPC channel in CONNECTING for ever, and a socket that was away
 * would be tried again only after a growing back-off. Callers see a RuntimeError and call again.
 */
export class Connection {
  readonly #socketPath: string;
  #client: grpc.Client | undefined;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Every call has a deadline: nothing waits for a hanging runtime for ever. */
  async call<Request, Answer>(
    method: Method<Request, Answer>,
    request: Request,
    timeoutMs: number,
  ): Promise<Answer> {
    const client = this.#connect();
    try {
      return await new Promise<Answer>((resolve, reject) => {
        client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          { deadline: Date.now() + timeoutMs },
          (err, answer) => {
            if (answer === undefined) reject(err);
            else resolve(answer);
          },
        );
      });
    } catch (err) {
      this.#discardUnlessReady(client);
      throw toRuntimeError(err);
    }
  }

  /** For a stream: its errors go through `toRuntimeError`, and after one the caller calls `discard`. */
  stream<Request, Answer>(
    method: Method<Request, Answer>,
    request: Request,
  ): grpc.ClientReadableStream<Answer> {
    return this.#connect().makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
    );
  }

  /** To be called after a stream broke, so that the next call dials at once. */
  discard(): void {
    if (this.#client) this.#discardUnlessReady(this.#client);
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #connect(): grpc.Client {
    this.#client ??= new grpc.Client(`unix://${this.#socketPath}`, grpc.credentials.createInsecure(), {
      // A Go server refuses the path of a socket as :authority.
      'grpc.default_authority': 'localhost',
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
      // Without this a new client would find the old connection, stuck as it is.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
    });
    return this.#client;
  }

  #discardUnlessReady(client: grpc.Client): void {
    if (this.#client !== client) return;
    if (client.getChannel().getConnectivityState(false) === grpc.connectivityState.READY) return;
    this.close();
  }
}

/** `rpc error: code = NotFound desc = …`: the words that people know from events and container statuses. */
export function toRuntimeError(err: unknown): RuntimeError {
  if (err instanceof RuntimeError) return err;
  if (!isServiceError(err))
    return new RuntimeError('other', err instanceof Error ? err.message : String(err), err);
  const message = `rpc error: code = ${CODE_NAMES[err.code] ?? 'Unknown'} desc = ${err.details || err.message}`;
  return new RuntimeError(kindOf(err), message, err);
}

function kindOf(err: grpc.ServiceError): RuntimeError['kind'] {
  switch (err.code) {
    case grpc.status.NOT_FOUND:
      return 'not-found';
    case grpc.status.ALREADY_EXISTS:
      return 'already-exists';
    case grpc.status.DEADLINE_EXCEEDED:
      return 'timeout';
    case grpc.status.UNAVAILABLE:
    case grpc.status.CANCELLED:
      return 'unavailable';
    default:
      return 'other';
  }
}

function isServiceError(err: unknown): err is grpc.ServiceError {
  return err instanceof Error && 'code' in err && typeof err.code === 'number' && 'details' in err;
}

/** As Go prints them. */
const CODE_NAMES: Readonly<Record<number, string>> = {
  [grpc.status.CANCELLED]: 'Canceled',
  [grpc.status.UNKNOWN]: 'Unknown',
  [grpc.status.INVALID_ARGUMENT]: 'InvalidArgument',
  [grpc.status.DEADLINE_EXCEEDED]: 'DeadlineExceeded',
  [grpc.status.NOT_FOUND]: 'NotFound',
  [grpc.status.ALREADY_EXISTS]: 'AlreadyExists',
  [grpc.status.PERMISSION_DENIED]: 'PermissionDenied',
  [grpc.status.RESOURCE_EXHAUSTED]: 'ResourceExhausted',
  [grpc.status.FAILED_PRECONDITION]: 'FailedPrecondition',
  [grpc.status.ABORTED]: 'Aborted',
  [grpc.status.OUT_OF_RANGE]: 'OutOfRange',
  [grpc.status.UNIMPLEMENTED]: 'Unimplemented',
  [grpc.status.INTERNAL]: 'Internal',
  [grpc.status.UNAVAILABLE]: 'Unavailable',
  [grpc.status.DATA_LOSS]: 'DataLoss',
  [grpc.status.UNAUTHENTICATED]: 'Unauthenticated',
};
