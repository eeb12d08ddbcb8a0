import { groupResourceOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { badRequest, methodNotAllowed, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { TokenRequest } from '#proto/schema/generated/authentication-v1.ts';
import type { Scale } from '#proto/schema/generated/autoscaling-v1.ts';
import type { Binding, ServiceAccount } from '#proto/schema/generated/core-v1.ts';
import type { Eviction } from '#proto/schema/generated/policy-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { Answer } from '#server/apiserver/http/exchange.ts';
import { type Exchange, readObject, readPatch } from '#server/apiserver/http/reading.ts';
import { encode, renderObject } from '#server/apiserver/http/render.ts';
import { type ProxyExchange, proxyAnswer } from '#server/apiserver/proxy/proxy.ts';
import { Admission, admitCreate } from '#server/apiserver/rest/admit.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import type { ListPage, ListQuery } from '#server/apiserver/rest/list.ts';
import { patchObject } from '#server/apiserver/rest/patch.ts';
import { replaceObject } from '#server/apiserver/rest/update.ts';
import { requireEntry } from '#server/apiserver/rest/write.ts';
import type { NodeStreams } from '#server/apiserver/streams/node-streams.ts';
import { bindPod } from '#server/apiserver/subresources/binding.ts';
import { componentStatuses } from '#server/apiserver/subresources/component-statuses.ts';
import { evictPod } from '#server/apiserver/subresources/eviction.ts';
import { openPodLog } from '#server/apiserver/subresources/pod-log.ts';
import { applyScale, changeScale, getScale } from '#server/apiserver/subresources/scale.ts';
import { getVirtual, listVirtual, type VirtualKind } from '#server/apiserver/subresources/virtual-kind.ts';
import type { Entry } from '#server/store/store.ts';

/** Answers one kind of review: the body with its status filled in. `namespace` for local reviews. */
export type Review = (
  body: KubeObject,
  context: { readonly user: UserInfo; readonly namespace: string | undefined },
) => Promise<KubeObject> | KubeObject;

/** `POST serviceaccounts/x/token`: the request with its status filled in. Rejects with a StatusError. */
export type TokenIssuer = (
  request: TokenRequest,
  account: ServiceAccount,
  /** The last word of admission, on a request that is otherwise in order. */
  validate: () => Promise<void>,
) => Promise<TokenRequest>;

/** What subresources and virtual kinds need that is not the store's. */
export interface SubresourceDeps {
  /** By plural: tokenreviews, subjectaccessreviews, selfsubjectreviews, … */
  readonly reviews: Readonly<Record<string, Review>>;
  readonly tokenIssuer: TokenIssuer;
  readonly streams: NodeStreams;
  /** Kinds that are answered instead of stored, beside the built-in ones. */
  readonly virtualKinds?: readonly VirtualKind[];
}

const idOf = ({ group, plural }: Resource): string => `${group}/${plural}`;

/** Same kind, same handlers: only a part of the object is written (see update.ts). */
const PARTS = new Set(['ephemeralcontainers', 'resize', 'approval', 'finalize']);

const POSTS = new Set(['binding', 'eviction', 'token']);

/** Subresources with a behaviour of their own, and kinds that are answered instead of stored. */
export class SubresourceHandlers {
  readonly #deps: SubresourceDeps;
  readonly #virtual: ReadonlyMap<string, VirtualKind>;

  constructor(deps: SubresourceDeps) {
    this.#deps = deps;
    const kinds = [componentStatuses, ...(deps.virtualKinds ?? [])];
    this.#virtual = new Map(kinds.map((kind) => [idOf(kind.resource), kind]));
  }

  async handle(exchange: Exchange): Promise<Answer> {
    const { target, request, call } = exchange;
    const name = target.subresource?.name ?? '';
    const { method } = request;
    if (PARTS.has(name)) return this.#part(exchange);
    if (name === 'scale') return this.#scale(exchange);
    if (name === 'log' && method === 'GET') return this.#log(exchange);
    if (method === 'POST' && POSTS.has(name)) return this.#post(exchange);
    if (name === 'exec' || name === 'attach' || name === 'portforward') {
      requireEntry(exchange.api, call);
      throw badRequest('Upgrade request required');
    }
    throw methodNotAllowed(groupResourceOf(target.resource), method.toLowerCase());
  }

  /** A request to a `proxy` subresource: nothing of it is for this server but where it goes. */
  proxy(exchange: ProxyExchange): Promise<Answer> {
    return proxyAnswer(exchange, this.#deps.streams);
  }

  /** An object of a kind that has no store; undefined for ordinary kinds. */
  getVirtual({
    resource,
    namespace,
    name,
  }: Pick<Call, 'resource' | 'namespace' | 'name'>): Entry | undefined {
    const kind = this.#virtual.get(idOf(resource));
    return kind && getVirtual(kind, namespace, name);
  }

  listVirtual(
    { resource, namespace }: Pick<Call, 'resource' | 'namespace'>,
    query: ListQuery,
  ): ListPage | undefined {
    const kind = this.#virtual.get(idOf(resource));
    return kind && listVirtual(kind, namespace, query);
  }

  /** A create of something that is not stored: the answer, undefined for ordinary kinds. */
  async review(api: Api, call: Call, body: KubeObject): Promise<object | undefined> {
    const { plural, verbs, group } = call.resource;
    if (verbs.length !== 1) return undefined;
    if (plural === 'bindings' && group === '') {
      await bindPod(api, call, body as Binding);
      return SUCCESS;
    }
    const review = this.#deps.reviews[plural];
    if (!review) throw serviceUnavailable(`${plural} can not be answered yet`);
    const admitted = await admitCreate(api, call, body);
    return review(admitted, { user: call.user, namespace: call.namespace });
  }

  async #part(exchange: Exchange): Promise<Answer> {
    const { api, call, renderer, request } = exchange;
    const plain = { ...renderer, form: { ...renderer.form, as: 'object' as const } };
    switch (request.method) {
      case 'GET':
        return renderObject(plain, 200, requireEntry(api, call));
      case 'PUT': {
        const body = await readObject(exchange, call.resource);
        return renderObject(plain, 200, (await replaceObject(api, call, body)).entry);
      }
      case 'PATCH':
        return renderObject(plain, 200, (await patchObject(api, call, await readPatch(exchange))).entry);
      default:
        throw methodNotAllowed(groupResourceOf(call.resource), request.method.toLowerCase());
    }
  }

  async #scale(exchange: Exchange): Promise<Answer> {
    const { api, call, renderer, request } = exchange;
    const kind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
    switch (request.method) {
      case 'GET':
        return encode(renderer.form, 200, await getScale(api, call));
      case 'PUT': {
        const body = (await readObject(exchange, kind)) as Scale;
        return encode(renderer.form, 200, await changeScale(api, call, () => body));
      }
      case 'PATCH': {
        const request = await readPatch(exchange);
        if (request.type === 'apply') return encode(renderer.form, 200, await applyScale(api, call, request));
        const { type, patch, validation } = request;
        const change = (old: Scale): Scale => {
          // Strategic has nothing to merge by in a Scale: it is a merge here.
          const next = type === 'json' ? api.codec.jsonPatch(old, patch) : api.codec.mergePatch(old, patch);
          return api.codec.recode({ object: next, kind, validation, warn: call.warn }) as Scale;
        };
        return encode(renderer.form, 200, await changeScale(api, call, change));
      }
      default:
        throw methodNotAllowed(groupResourceOf(call.resource), request.method.toLowerCase());
    }
  }

  /** A create on a subresource that makes something else; undefined where there is no such one. */
  async post(api: Api, call: Call, body: KubeObject): Promise<object | undefined> {
    switch (call.subresource) {
      case 'binding':
        await bindPod(api, call, body as Binding);
        return SUCCESS;
      case 'eviction':
        await evictPod(api, call, (await admitCreate(api, call, body)) as Eviction);
        return SUCCESS;
      case 'token':
        return this.#token(api, call, body as TokenRequest);
      default:
        return undefined;
    }
  }

  /** An update of a subresource that is of another kind than its object; undefined for the others. */
  async put(api: Api, call: Call, body: KubeObject): Promise<KubeObject | undefined> {
    return call.subresource === 'scale' ? changeScale(api, call, () => body as Scale) : undefined;
  }

  async #post(exchange: Exchange): Promise<Answer> {
    const { api, call, target, renderer } = exchange;
    const {
      kind = '',
      group = target.resource.group,
      version = target.resource.version,
    } = target.subresource ?? {};
    const body = await readObject(exchange, { group, version, kind });
    return encode(renderer.form, 201, await this.post(api, call, body));
  }

  async #token(api: Api, call: Call, body: TokenRequest): Promise<TokenRequest> {
    const account = objectOf(requireEntry(api, call)) as ServiceAccount;
    body.metadata.name ||= call.name;
    if (call.namespace !== undefined) body.metadata.namespace ||= call.namespace;
    const admission = new Admission(api, call, { operation: 'CREATE', object: body });
    const request = ((await admission.mutate()) ?? body) as TokenRequest;
    return this.#deps.tokenIssuer(request, account, () => admission.validate(request));
  }

  async #log({ api, call, request }: Exchange): Promise<Answer> {
    const chunks = await openPodLog(api, call, request.query, this.#deps.streams);
    return { kind: 'chunks', code: 200, contentType: 'text/plain', chunks };
  }
}

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
