import { badRequest, noSuchMethod } from '#proto/meta/status-error.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import { requireAllowed } from '#server/apiserver/http/authorize.ts';
import { type Answer, type ApiRequest, Warned } from '#server/apiserver/http/exchange.ts';
import { negotiate } from '#server/apiserver/http/negotiate.ts';
import {
  integer,
  isDryRun,
  listQuery,
  managerOf,
  optionsOf,
  watchQuery,
} from '#server/apiserver/http/query.ts';
import { type Exchange, readDeleteOptions, readObject, readPatch } from '#server/apiserver/http/reading.ts';
import { encode, includeOf, renderList, renderObject } from '#server/apiserver/http/render.ts';
import { selectedName } from '#server/apiserver/http/request-info.ts';
import { connectCall, isWatch, type Target, targetOf, verbOf } from '#server/apiserver/http/target.ts';
import { watchAnswer } from '#server/apiserver/http/watch-answer.ts';
import { checkWriteOptions } from '#server/apiserver/http/write-options.ts';
import type { Api } from '#server/apiserver/rest/api.ts';
import { presentEntry } from '#server/apiserver/rest/conversion.ts';
import { createObject } from '#server/apiserver/rest/create.ts';
import { deleteCollection, deleteObject } from '#server/apiserver/rest/delete.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { listEntries } from '#server/apiserver/rest/list.ts';
import { requireName } from '#server/apiserver/rest/metadata.ts';
import { patchObject } from '#server/apiserver/rest/patch.ts';
import { isReturnedOnDelete } from '#server/apiserver/rest/traits.ts';
import { replaceObject } from '#server/apiserver/rest/update.ts';
import { readEntry } from '#server/apiserver/rest/write.ts';
import type { SubresourceHandlers } from '#server/apiserver/subresources/subresources.ts';

/** Requests under `/api` and `/apis` that name a resource: authorized, routed to the generic handlers, rendered. */
export class ResourceHandler {
  readonly #api: Api;
  readonly #authorizer: Authorizer;
  readonly #subresources: SubresourceHandlers;

  constructor(api: Api, authorizer: Authorizer, subresources: SubresourceHandlers) {
    this.#api = api;
    this.#authorizer = authorizer;
    this.#subresources = subresources;
  }

  /** Undefined where no resource is served at the path. Rejects with a StatusError. */
  async handle(request: ApiRequest): Promise<Answer | undefined> {
    const target = targetOf(this.#api.resources, request.path);
    if (!target) return undefined;
    await this.authorize(target, request);
    const { deprecated } = target.resource;
    const warnings = deprecated ? [deprecated] : [];
    const warn = (message: string): void => void warnings.push(message);
    try {
      const answer =
        target.subresource?.name === 'proxy'
          ? await this.#proxy(target, request, warn)
          : await this.#route(this.#exchange(target, request, warn));
      return warnings.length > 0 ? { ...answer, warnings: [...new Set(warnings)] } : answer;
    } catch (err) {
      throw warnings.length > 0 ? new Warned(err, [...new Set(warnings)]) : err;
    }
  }

  /** 403 with the sentence that upstream's authorizers give. */
  async authorize(target: Target, request: ApiRequest): Promise<void> {
    const { resource, namespace, name, subresource } = target;
    const verb = verbOf(target, request.method, request.query);
    const group = resource.group;
    await requireAllowed(
      this.#authorizer,
      {
        kind: 'resource',
        user: request.user,
        verb,
        group,
        version: resource.version,
        resource: resource.plural,
        subresource: subresource?.name,
        namespace:
          namespace ?? (resource.plural === 'namespaces' && group === '' ? name || undefined : undefined),
        name: name || selectedName(verb, request.query),
        labelSelector: request.query.get('labelSelector') ?? undefined,
        fieldSelector: request.query.get('fieldSelector') ?? undefined,
      },
      request.trail,
    );
  }

  #exchange(target: Target, request: ApiRequest, warn: (message: string) => void): Exchange {
    const { query } = request;
    checkName(target.name);
    checkWriteOptions(request.method, query, request.header('content-type'));
    const transforms =
      target.resource.verbs.includes('get') && (!target.subresource || target.subresource.name === 'status');
    const form = negotiate(
      request.header('accept'),
      transforms,
      request.method === 'GET' && target.name === '' && target.resource.verbs.includes('watch'),
    );
    return {
      api: this.#api,
      request,
      target,
      renderer: {
        form,
        resource: target.resource,
        include: form.as === 'table' ? includeOf(query) : 'Metadata',
        now: this.#api.clock.now(),
      },
      call: {
        resource: target.resource,
        namespace: target.namespace,
        name: target.name,
        subresource: target.subresource?.name,
        user: request.user,
        dryRun: isDryRun(query.getAll('dryRun')),
        manager: managerOf(query, request.header('user-agent')),
        options: optionsOf(query),
        warn,
        annotate: (key, value) => request.trail?.annotate(key, value),
      },
    };
  }

  #proxy(target: Target, request: ApiRequest, warn: (message: string) => void): Promise<Answer> {
    const call = connectCall(target, request, warn);
    return this.#subresources.proxy({ api: this.#api, request, target, call });
  }

  #route(exchange: Exchange): Promise<Answer> | Answer {
    const { target, request } = exchange;
    if (target.subresource && target.subresource.name !== 'status')
      return this.#subresources.handle(exchange);
    const collection = target.name === '';
    // All namespaces at once may be read, but not written.
    if (target.resource.namespaced && target.namespace === undefined && request.method !== 'GET')
      throw noSuchMethod();
    const allows = (verb: Parameters<typeof target.resource.verbs.includes>[0]): boolean =>
      (target.subresource?.verbs ?? target.resource.verbs).includes(verb);
    switch (request.method) {
      case 'GET':
        if (isWatch(target, request.query)) {
          if (allows('watch')) return this.#watch(exchange);
        } else if (collection ? allows('list') : allows('get')) {
          return collection ? this.#list(exchange) : this.#get(exchange);
        }
        break;
      case 'POST':
        if (collection && allows('create')) return this.#create(exchange);
        break;
      case 'PUT':
        if (!collection && allows('update')) return this.#update(exchange);
        break;
      case 'PATCH':
        if (!collection && allows('patch')) return this.#patch(exchange);
        break;
      case 'DELETE':
        if (collection ? allows('deletecollection') : allows('delete')) return this.#delete(exchange);
        break;
      default:
    }
    throw noSuchMethod();
  }

  async #get({ api, call, renderer }: Exchange): Promise<Answer> {
    const virtual = this.#subresources.getVirtual(call);
    return renderObject(renderer, 200, virtual ?? presentEntry(call.resource, await readEntry(api, call)));
  }

  async #list({ api, call, renderer, request }: Exchange): Promise<Answer> {
    const query = listQuery(request.query);
    return renderList(
      renderer,
      this.#subresources.listVirtual(call, query) ??
        (await listEntries(api, call.resource, call.namespace, query)),
    );
  }

  #watch({ api, call, renderer, request }: Exchange): Answer {
    return watchAnswer(api, renderer, {
      resource: call.resource,
      namespace: call.namespace,
      query: watchQuery(request.query, call.name),
      timeoutSeconds: integer(request.query, 'timeoutSeconds'),
    });
  }

  async #create(exchange: Exchange): Promise<Answer> {
    const { api, call, target, renderer } = exchange;
    const body = await readObject(exchange, target.resource);
    const review = await this.#subresources.review(api, call, body);
    if (review) return encode(renderer.form, 201, review);
    return renderObject(renderer, 201, await createObject(api, call, body));
  }

  async #update(exchange: Exchange): Promise<Answer> {
    const body = await readObject(exchange, exchange.target.resource);
    requireName(exchange.call, body);
    const { entry, created } = await replaceObject(exchange.api, exchange.call, body);
    return renderObject(exchange.renderer, created ? 201 : 200, entry);
  }

  async #patch(exchange: Exchange): Promise<Answer> {
    const { api, call, renderer } = exchange;
    const { entry, created } = await patchObject(api, call, await readPatch(exchange));
    return renderObject(renderer, created ? 201 : 200, entry);
  }

  async #delete(exchange: Exchange): Promise<Answer> {
    const { api, target, renderer, request } = exchange;
    const options = await readDeleteOptions(exchange);
    const call = { ...exchange.call, dryRun: isDryRun(options.dryRun ?? []) };
    if (target.name === '') {
      return renderList(renderer, await deleteCollection(api, call, listQuery(request.query), options));
    }
    const { entry, gone } = await deleteObject(api, call, options);
    if (!gone || isReturnedOnDelete(call.resource)) return renderObject(renderer, 200, entry);
    return encode(renderer.form, 200, success(call, objectOf(entry).metadata.uid));
  }
}

/** 400 for what can be no name: it would be read as another path. */
function checkName(name: string): void {
  const why =
    name === '.' || name === '..'
      ? `may not be '${name}'`
      : /[/%]/.exec(name)?.map((c) => `may not contain '${c}'`)[0];
  if (why) throw badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${why}`);
}

const success = (call: Exchange['call'], uid: string | undefined): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: {
    name: call.name,
    ...(call.resource.group ? { group: call.resource.group } : {}),
    kind: call.resource.plural,
    ...(uid ? { uid } : {}),
  },
});
