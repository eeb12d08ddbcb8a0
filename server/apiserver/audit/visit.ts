import type { AuditTrail } from '#server/apiserver/audit/audit-trail.ts';
import { type Arrival, type Auditor, auditIdOf } from '#server/apiserver/audit/auditor.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { Answer } from '#server/apiserver/http/exchange.ts';

/** One request on its way through the server, as far as the audit log cares: everything here may be told of nothing. */
export class Visit {
  /** Goes back to the client as `Audit-Id`. */
  readonly id: string;
  readonly #auditor: Auditor | undefined;
  readonly #arrival: Arrival;
  #trail: AuditTrail | undefined;

  constructor(auditor: Auditor | undefined, arrival: Arrival) {
    this.id = auditIdOf(arrival);
    this.#auditor = auditor;
    this.#arrival = arrival;
  }

  /** Undefined where nothing is written about the request. */
  get trail(): AuditTrail | undefined {
    return this.#trail;
  }

  /** It is known who asks. */
  begin(user: UserInfo): void {
    this.#trail = this.#auditor?.(this.#arrival, this.id, user);
    this.#trail?.stage('RequestReceived');
  }

  /** It is not, and will not be. */
  refuse(): void {
    const trail = this.#auditor?.(this.#arrival, this.id, undefined);
    const hasToken = this.#arrival.header('authorization')?.toLowerCase().startsWith('bearer ');
    trail?.failed(401, `Authentication failed${hasToken ? ', attempted: bearer' : ''}`);
    trail?.stage('ResponseStarted');
  }

  /** What begins now goes on until the client has enough. */
  started(answer: Pick<Answer, 'code'>): void {
    this.#trail?.answered(answer);
    this.#trail?.stage('ResponseStarted');
  }

  /** Nothing more will be sent. */
  completed(): void {
    this.#trail?.stage('ResponseComplete');
  }
}
