import { createHash } from 'node:crypto';
import type { RemoteVersion } from '#server/apiserver/aggregator/remote-discovery.plan.ts';
import {
  aggregatedDiscovery,
  coreVersions,
  groupDocument,
  groupList,
  resourceList,
} from '#server/apiserver/discovery/discovery.ts';
import {
  type Answer,
  type ApiRequest,
  type BytesAnswer,
  jsonAnswer,
} from '#server/apiserver/http/exchange.ts';
import { negotiate, notAcceptable, parseAccept } from '#server/apiserver/http/negotiate.ts';
import { encode } from '#server/apiserver/http/render.ts';
import type { ResourceIndex } from '#server/apiserver/rest/api.ts';

/** What other servers answer for, as it changes. */
export interface RemoteVersions {
  readonly all: readonly RemoteVersion[];
  onChange(listener: () => void): void;
}

const NO_REMOTES: RemoteVersions = { all: [], onChange: () => {} };

/** Answers `/api`, `/apis` and the lists below them. Documents are kept until custom kinds come or go. */
export class DiscoveryHandler {
  readonly #resources: ResourceIndex;
  readonly #serverAddress: string;
  readonly #remotes: RemoteVersions;
  readonly #documents = new Map<string, { readonly answer: BytesAnswer; readonly etag: string }>();

  constructor(resources: ResourceIndex, serverAddress: string, remotes: RemoteVersions = NO_REMOTES) {
    this.#resources = resources;
    this.#serverAddress = serverAddress;
    this.#remotes = remotes;
    resources.onChange(() => this.#documents.clear());
    remotes.onChange(() => this.#documents.clear());
  }

  /** Is the path in a group of which something is served? */
  hasGroupAt(path: string): boolean {
    const [, root, group] = path.split('/');
    return root === 'api' || this.#resources.all.some((resource) => resource.group === group);
  }

  /** Undefined where the path is no discovery document. Rejects with 406 for a form that it does not have. */
  handle(request: ApiRequest): Answer | undefined {
    const parts = request.path.split('/').filter((part) => part !== '');
    const { all } = this.#resources;
    const [root, first = '', second = ''] = parts;
    if (root === 'api' && parts.length === 1) return this.#root(request, true);
    if (root === 'apis' && parts.length === 1) return this.#root(request, false);
    const plain =
      root === 'api' && parts.length === 2
        ? resourceList(all, '', first)
        : root === 'apis' && parts.length === 2
          ? groupDocument(all, first, this.#remotes.all)
          : root === 'apis' && parts.length === 3 && first !== ''
            ? resourceList(all, first, second)
            : undefined;
    return plain && encode(negotiate(request.header('accept'), false), 200, plain);
  }

  #root(request: ApiRequest, core: boolean): Answer {
    for (const { media, params } of preferred(request.header('accept'))) {
      if (params.get('as') !== 'APIGroupDiscoveryList') {
        const plain = core
          ? coreVersions(this.#serverAddress)
          : groupList(this.#resources.all, this.#remotes.all);
        return media === 'application/yaml'
          ? encode({ media, as: 'object', version: 'v1' }, 200, plain)
          : jsonAnswer(200, plain);
      }
      const version = params.get('v');
      if (params.get('g') === 'apidiscovery.k8s.io' && (version === 'v2' || version === 'v2beta1')) {
        return this.#aggregated(request, core, version);
      }
    }
    throw notAcceptable();
  }

  #aggregated(request: ApiRequest, core: boolean, version: 'v2' | 'v2beta1'): Answer {
    const key = `${core}/${version}`;
    let document = this.#documents.get(key);
    if (!document) {
      const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
      const answer = jsonAnswer(
        200,
        aggregatedDiscovery(this.#resources.all, core, version, this.#remotes.all),
        contentType,
      );
      const etag = `"${createHash('sha512').update(answer.body).digest('hex').slice(0, 64).toUpperCase()}"`;
      document = {
        answer: { ...answer, headers: { etag, vary: 'Accept', 'cache-control': 'public' } },
        etag,
      };
      this.#documents.set(key, document);
    }
    if (request.header('if-none-match') === document.etag) {
      return { ...document.answer, code: 304, body: new Uint8Array() };
    }
    return document.answer;
  }
}

const preferred = (accept: string | undefined) => {
  const clauses = parseAccept(accept).filter(({ media }) =>
    ['*/*', 'application/*', 'application/json', 'application/yaml'].includes(media),
  );
  return accept ? clauses : [{ media: 'application/json', params: new Map<string, string>(), q: 1 }];
};
