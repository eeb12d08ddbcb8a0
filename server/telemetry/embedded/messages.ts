/** What the server tells the embedded broker, over the pipe between them: nothing of it is ever in a file. */
import type { HostPort } from '#proto/config/options.ts';
import type { BrokerAccess } from '../access.plan.ts';

export interface Configure {
  readonly kind: 'configure';
  readonly boards: HostPort;
  readonly people: HostPort;
  /** Undefined where something else has it. */
  readonly localPort: number | undefined;
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly access: BrokerAccess;
}

export interface Admit {
  readonly kind: 'admit';
  readonly access: BrokerAccess;
}

export type BrokerMessage = Configure | Admit;
