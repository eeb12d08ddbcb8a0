import { Hono } from 'hono';
import type { Logger } from '#proto/meta/log.ts';
import { internalError, noSuchPath, StatusError, unauthorized } from '#proto/meta/status-error.ts';
import type { Aggregator } from '#server/apiserver/aggregator/aggregator.ts';
import type { Arrival, Auditor } from '#server/apiserver/audit/auditor.ts';
import { Visit } from '#server/apiserver/audit/visit.ts';
import type { Authenticator, UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import type { DiscoveryHandler } from '#server/apiserver/discovery/discovery-handler.ts';
import type { Ticket } from '#server/apiserver/flowcontrol/flow-control.ts';
import { requireAllowed } from '#server/apiserver/http/authorize.ts';
import {
  type Answer,
  type ApiRequest,
  type BytesAnswer,
  jsonAnswer,
  textAnswer,
  Warned,
} from '#server/apiserver/http/exchange.ts';
import { type FlowGate, tooManyRequests } from '#server/apiserver/http/flow-gate.ts';
import { type HealthCheck, healthAnswer } from '#server/apiserver/http/health.ts';
import { impersonate } from '#server/apiserver/http/impersonation.ts';
import {
  apiRequestOf,
  arrivalOf,
  headerOf,
  type Incoming,
  splitUrl,
  tlsSocketOf,
} from '#server/apiserver/http/incoming.ts';
import { type RequestInfo, requestInfoOf } from '#server/apiserver/http/request-info.ts';
import type { ResourceHandler } from '#server/apiserver/http/resource-handler.ts';
import { type Outgoing, sendAnswer } from '#server/apiserver/http/send.ts';
import { versionInfo } from '#server/apiserver/http/version.ts';
import { WatchBudget } from '#server/apiserver/http/watch-budget.ts';

/** A page beside the API: `/metrics`, the dashboard, `/openapi`. Undefined: not mine. */
export type ExtraHandler = (request: ApiRequest) => Promise<Answer | undefined> | Answer | undefined;

/** Counts and times requests; what it gives is called with the code of the answer, once that is out. */
export interface RequestObserver {
  begin(request: ApiRequest, info: RequestInfo): (code: number) => void;
}

export interface AppDeps {
  readonly authenticators: readonly Authenticator[];
  readonly authorizer: Authorizer;
  readonly resources: ResourceHandler;
  readonly discovery: DiscoveryHandler;
  /** Asked first of what is below `/apis`: a group that another server answers for is not ours. */
  readonly aggregator?: Pick<Aggregator, 'handle'> | undefined;
  readonly healthChecks: readonly HealthCheck[];
  /** Asked in order, after authentication and, for all but `open` paths, authorization. */
  readonly extras: readonly ExtraHandler[];
  /** Absent where no audit log is kept. */
  readonly auditor?: Auditor | undefined;
  /** Whose turn it is; absent, everybody's. */
  readonly flow?: FlowGate | undefined;
  readonly requests?: RequestObserver | undefined;
  readonly log: Logger;
}

interface Bindings {
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
}
type Env = { Bindings: Bindings };

/** What a route gives hono: the answer itself went out by {@link sendAnswer}. */
const SENT = {} as Response;

/** Requests of the API on hono: who asks, may they, what do they get. Nothing that a client sends throws out of here. */
export class ApiApp {
  readonly #hono: Hono<Env>;
  readonly #deps: AppDeps;
  readonly #watches = new WatchBudget();

  constructor(deps: AppDeps) {
    this.#deps = deps;
    const app = new Hono<Env>({ getPath: ({ url }) => url });
    const answers =
      (respond: (request: ApiRequest) => Promise<Answer> | Answer) =>
      async ({ env }: { env: Bindings }): Promise<Response> => {
        await this.#exchange(env.incoming, env.outgoing, respond);
        return SENT;
      };
    // Without credentials: supervisors and boards look here before they have any.
    for (const path of ['/livez/:check?', '/readyz/:check?', '/healthz/:check?']) {
      app.get(path, async ({ env }) => {
        const answer = await this.#health(env.incoming);
        await sendAnswer(env.outgoing, answer, undefined, this.#watches);
        return SENT;
      });
    }
    app.get(
      '/version',
      answers((request) => this.#path(request, () => jsonAnswer(200, versionInfo()))),
    );
    app.all(
      '/api/*',
      answers((request) => this.#api(request)),
    );
    app.all(
      '/apis/*',
      answers((request) => this.#api(request)),
    );
    app.all(
      '*',
      answers((request) => this.#path(request, () => this.#extra(request))),
    );
    // Routes answer with their errors themselves; what still throws is told to whoever called.
    app.onError((err) => {
      throw err;
    });
    this.#hono = app;
  }

  /**
   * Gives a request to its route. Objects of the web, `Request` and `Response`, stay out of it: the first one loads
   * all of Node's undici, 13 MB resident.
   */
  async handle(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const [path = ''] = (incoming.url ?? '').split('?', 1);
    // As GET, for hono answers HEAD with a Response of its own; routes look at the method that came.
    const method = incoming.method === 'HEAD' ? 'GET' : (incoming.method ?? 'GET');
    const request = { method, url: path.startsWith('/') ? path : `/${path}` };
    await this.#hono.fetch(request as Request, { incoming, outgoing });
  }

  /** What the audit log hears of a request. */
  visit(arrival: Arrival): Visit {
    return new Visit(this.#deps.auditor, arrival);
  }

  /** Who asks; 401 for nobody, and for a credential that is bad. */
  async identify(incoming: Incoming, visit: Visit): Promise<UserInfo> {
    const caller = await this.#authenticate(incoming, visit);
    visit.begin(caller);
    const user = await impersonate(incoming, caller, this.#deps.authorizer);
    if (user !== caller) visit.trail?.impersonate(user);
    return user;
  }

  async #authenticate(incoming: Incoming, visit: Visit): Promise<UserInfo> {
    const credentials = {
      authorization: headerOf(incoming, 'authorization'),
      socket: tlsSocketOf(incoming),
    };
    try {
      for (const authenticator of this.#deps.authenticators) {
        const user = await authenticator.authenticate(credentials);
        if (user) return withAuthenticated(user);
      }
      throw unauthorized();
    } catch (err) {
      visit.refuse();
      throw err;
    }
  }

  /** The answer to a request whose user is known; errors are answers, too. */
  async answer(
    request: ApiRequest,
    respond: (request: ApiRequest) => Promise<Answer> | Answer,
  ): Promise<Answer> {
    try {
      return await respond(request);
    } catch (err) {
      return this.errorAnswer(err, request);
    }
  }

  /** As {@link answer}, for what comes under `/api` and `/apis`. */
  apiAnswer(request: ApiRequest): Promise<Answer> {
    return this.answer(request, (r) => this.#api(r));
  }

  errorAnswer(err: unknown, request: Pick<ApiRequest, 'method' | 'path'>): BytesAnswer {
    if (err instanceof Warned) return { ...this.errorAnswer(err.cause, request), warnings: err.warnings };
    const status = err instanceof StatusError ? err : internalError(err);
    if (status.code >= 500 && status !== err) {
      this.#deps.log.error('a request failed', { method: request.method, path: request.path, err });
    }
    const after = status.details?.retryAfterSeconds;
    const answer = jsonAnswer(status.code, status.toStatus());
    return after ? { ...answer, headers: { 'retry-after': String(after) } } : answer;
  }

  async #exchange(
    incoming: Incoming,
    out: Outgoing,
    respond: (request: ApiRequest) => Promise<Answer> | Answer,
  ): Promise<void> {
    const visit = this.visit(arrivalOf(incoming));
    let answer: Answer;
    let ticket: Ticket | undefined;
    let answered: ((code: number) => void) | undefined;
    try {
      const user = await this.identify(incoming, visit);
      const request = apiRequestOf(incoming, user, visit.trail);
      const info = requestInfoOf(request.method, request.path, request.query);
      answered = this.#deps.requests?.begin(request, info);
      ticket = await this.#deps.flow?.(request, info);
      answer = ticket && !ticket.isAdmitted ? tooManyRequests() : await this.answer(request, respond);
    } catch (err) {
      answer = this.errorAnswer(err, { method: incoming.method ?? '', path: incoming.url ?? '' });
    }
    answer = withHeaders(answer, { 'audit-id': visit.id, ...ticket?.headers });
    if (answer.kind === 'watch' || answer.kind === 'chunks') {
      visit.started(answer);
      // What goes on for long holds no seat.
      ticket?.leave();
    } else visit.trail?.answered(answer);
    const encoding = headerOf(incoming, 'accept-encoding');
    await sendAnswer(out, answer, encoding, this.#watches, incoming.method === 'HEAD');
    visit.completed();
    answered?.(answer.code);
    // Nobody reads it yet: it is still in memory.
    if (ticket && out.writableLength > 0 && !out.destroyed) out.once('close', ticket.leave);
    else ticket?.leave();
  }

  async #api(request: ApiRequest): Promise<Answer> {
    const remote = await this.#deps.aggregator?.handle(request);
    if (remote) return remote;
    if (request.method === 'GET' || request.method === 'HEAD') {
      const discovery = this.#deps.discovery.handle(request);
      if (discovery) {
        await this.#authorizePath(request);
        return discovery;
      }
    }
    const answer = await this.#deps.resources.handle(request);
    if (answer) return answer;
    return this.#path(request, () => {
      if (this.#deps.discovery.hasGroupAt(request.path)) throw noSuchPath();
      return notFoundAnswer();
    });
  }

  async #path(request: ApiRequest, respond: () => Promise<Answer> | Answer): Promise<Answer> {
    await this.#authorizePath(request);
    return respond();
  }

  async #authorizePath({ user, method, path, trail }: ApiRequest): Promise<void> {
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    await requireAllowed(this.#deps.authorizer, { kind: 'path', user, verb, path }, trail);
  }

  async #extra(request: ApiRequest): Promise<Answer> {
    for (const extra of this.#deps.extras) {
      const answer = await extra(request);
      if (answer) return answer;
    }
    return request.path === '/' ? jsonAnswer(200, { paths: ROOTS }) : notFoundAnswer();
  }

  async #health(incoming: Incoming): Promise<Answer> {
    try {
      const { path, query } = splitUrl(incoming.url);
      return (
        (await healthAnswer(this.#deps.healthChecks, path, query)) ?? textAnswer(404, '404 page not found\n')
      );
    } catch (err) {
      return this.errorAnswer(err, { method: 'GET', path: incoming.url ?? '' });
    }
  }
}

const ROOTS = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
];

const withHeaders = <A extends Answer>(answer: A, headers: Readonly<Record<string, string>>): A => ({
  ...answer,
  headers: { ...answer.headers, ...headers },
});

const notFoundAnswer = (): Answer => textAnswer(404, '404 page not found\n');

const withAuthenticated = (user: UserInfo): UserInfo =>
  user.groups.includes('system:authenticated')
    ? user
    : { ...user, groups: [...user.groups, 'system:authenticated'] };
