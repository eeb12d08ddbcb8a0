import type { Decision, Stage } from '#server/apiserver/audit/policy.plan.ts';
import { wantsRequest, wantsResponse } from '#server/apiserver/audit/policy.plan.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { wireUser } from '#server/apiserver/authn/reviews.ts';
import type { Decision as Decided } from '#server/apiserver/authz/authorizer.ts';
import type { Answer } from '#server/apiserver/http/exchange.ts';
import type { RequestInfo } from '#server/apiserver/http/request-info.ts';

/** What an event says of a request from its first stage on. */
export interface AuditedRequest {
  readonly id: string;
  readonly uri: string;
  readonly info: RequestInfo;
  /** Undefined where it is not known who asks. */
  readonly user: UserInfo | undefined;
  readonly sourceIPs: readonly string[];
  readonly userAgent: string;
}

export interface TrailDeps {
  readonly now: () => number;
  /** Takes one event, as a line without its end. */
  readonly write: (line: string) => void;
}

interface ObjectRef {
  resource?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  apiGroup?: string;
  apiVersion?: string;
  resourceVersion?: string;
  subresource?: string;
}

const LONGEST_AGENT = 1024;

/**
 * The audit log's view of one request: what happens to it is told here, and each stage that the policy wants becomes an
 * event. Objects are kept as JSON at the moment in which they were seen. Rule: `audit.k8s.io/v1` Event.
 */
export class AuditTrail {
  readonly #request: AuditedRequest;
  readonly #decision: Decision;
  readonly #deps: TrailDeps;
  readonly #received: string;
  readonly #annotations: Record<string, string> = {};
  readonly #objectRef: ObjectRef | undefined;
  #impersonated: UserInfo | undefined;
  #status: object | undefined;
  #requestObject: string | undefined;
  #responseObject: string | undefined;

  constructor(request: AuditedRequest, decision: Decision, deps: TrailDeps) {
    this.#request = request;
    this.#decision = decision;
    this.#deps = deps;
    this.#received = microTime(deps.now());
    this.#objectRef = refOf(request.info);
  }

  annotate(key: string, value: string): void {
    this.#annotations[key] ??= value;
  }

  impersonate(user: UserInfo): void {
    this.#impersonated = user;
  }

  /** The decoded body. */
  requested(object: object): void {
    const { metadata } = object as { metadata?: Record<string, string | undefined> };
    const ref = this.#objectRef;
    if (ref && metadata) {
      for (const field of ['namespace', 'name', 'uid', 'resourceVersion'] as const) {
        const value = metadata[field];
        if (!ref[field] && value) ref[field] = value;
      }
    }
    if (wantsRequest(this.#decision.level)) this.#requestObject = this.#json(object);
  }

  /** What is answered. Of streams and long lists, the code alone. */
  answered(answer: Pick<Answer, 'code'> | Answer): void {
    const text = 'kind' in answer ? jsonOf(answer) : undefined;
    const isStatus = text?.startsWith('{"kind":"Status"') ?? false;
    this.#status = isStatus && text ? statusOf(text, answer.code) : { metadata: {}, code: answer.code };
    if (!text || !wantsResponse(this.#decision.level)) return;
    this.#responseObject = this.#decision.omitManagedFields ? this.#json(JSON.parse(text)) : text;
  }

  /** For answers that are no API objects. */
  failed(code: number, message: string): void {
    this.#status = { metadata: {}, status: 'Failure', message, code };
  }

  stage(stage: Stage): void {
    if (this.#decision.omitStages.includes(stage)) return;
    const { id, uri, info, user, sourceIPs, userAgent } = this.#request;
    const event = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: this.#decision.level,
      auditID: id,
      stage,
      requestURI: uri,
      verb: info.verb,
      user: user ? wireUser(user) : {},
      impersonatedUser: this.#impersonated && wireUser(this.#impersonated),
      sourceIPs,
      userAgent:
        userAgent.length > LONGEST_AGENT
          ? `${userAgent.slice(0, LONGEST_AGENT)}...TRUNCATED`
          : userAgent || undefined,
      objectRef: this.#objectRef,
      responseStatus: this.#status,
    };
    const rest = {
      requestReceivedTimestamp: this.#received,
      stageTimestamp: microTime(this.#deps.now()),
      annotations: Object.keys(this.#annotations).length > 0 ? this.#annotations : undefined,
    };
    const objects = [
      this.#requestObject && `,"requestObject":${this.#requestObject}`,
      this.#responseObject && `,"responseObject":${this.#responseObject}`,
    ].join('');
    this.#deps.write(`${JSON.stringify(event).slice(0, -1)}${objects},${JSON.stringify(rest).slice(1)}`);
  }

  #json(object: object): string {
    if (!this.#decision.omitManagedFields) return JSON.stringify(object);
    return JSON.stringify(object, (key, value: unknown) => (key === 'managedFields' ? undefined : value));
  }
}

function refOf({ resource }: RequestInfo): ObjectRef | undefined {
  if (!resource) return undefined;
  const { group, version, namespace, plural, subresource, name } = resource;
  return {
    resource: plural,
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    ...(group ? { apiGroup: group } : {}),
    apiVersion: version,
    ...(subresource ? { subresource } : {}),
  };
}

function jsonOf(answer: Answer): string | undefined {
  if (answer.kind !== 'bytes' || answer.headers?.['content-encoding']) return undefined;
  if (!answer.contentType.startsWith('application/json')) return undefined;
  const text = Buffer.from(answer.body).toString();
  return text.startsWith('{') ? text.trimEnd() : undefined;
}

function statusOf(text: string, answered: number): object {
  const { status, message, reason, details, code = answered } = JSON.parse(text) as Record<string, unknown>;
  return { metadata: {}, status, message, reason, details, code };
}

/** `2026-01-01T00:00:00.000000Z` */
const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/** What the authorizers said, for the log. */
export function noteDecision(trail: AuditTrail | undefined, { allowed, reason }: Decided): void {
  trail?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
  trail?.annotate('authorization.k8s.io/reason', reason ?? '');
}
