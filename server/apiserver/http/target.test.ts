import { describe, expect, test } from 'vitest';
import { resources } from '#proto/api/index.ts';
import { targetOf, verbOf } from '#server/apiserver/http/target.ts';
import { ResourceIndex } from '#server/apiserver/rest/api.ts';

const index = new ResourceIndex(resources);

const show = (path: string): string | undefined => {
  const target = targetOf(index, path);
  if (!target) return undefined;
  const { resource, namespace, name, subresource, rest } = target;
  return [resource.plural, namespace ?? '-', name, subresource?.name ?? '', rest].join('|');
};

describe('what a path names', () => {
  test.each([
    ['/api/v1/pods', 'pods|-|||'],
    ['/api/v1/namespaces/x/pods', 'pods|x|||'],
    ['/api/v1/namespaces/x/pods/p/log', 'pods|x|p|log|'],
    ['/api/v1/namespaces/x', 'namespaces|-|x||'],
    ['/api/v1/namespaces/x/finalize', 'namespaces|-|x|finalize|'],
    ['/api/v1/namespaces/pods', 'namespaces|-|pods||'],
    ['/apis/apps/v1/namespaces/x/deployments/d/scale', 'deployments|x|d|scale|'],
    ['/api/v1/nodes/n/proxy/stats/summary', 'nodes|-|n|proxy|/stats/summary'],
    ['/api/v1/namespaces/x/services/http:s:80/proxy/', 'services|x|http:s:80|proxy|/'],
    ['/api/v1/namespaces/x/services/s/proxy', 'services|x|s|proxy|'],
    ['/api/v1/namespaces/x/pods/p/proxy/a//b/', 'pods|x|p|proxy|/a//b/'],
    ['/api/v1/watch/namespaces/x/pods', 'pods|x|||'],
    ['/api/v1/namespaces/x/nodes', undefined],
    ['/api/v1/pods/p', undefined],
    ['/api/v1/namespaces/x/pods/p/nope', undefined],
    ['/apis/none/v1/things', undefined],
    ['/metrics', undefined],
  ])('%s', (path, shown) => expect(show(path)).toBe(shown));
});

describe('the verb of a request', () => {
  test.each([
    ['GET', '/api/v1/pods', '', 'list'],
    ['GET', '/api/v1/pods', 'watch=true', 'watch'],
    ['GET', '/api/v1/pods', 'watch=0', 'list'],
    ['GET', '/api/v1/namespaces/x/pods/p', '', 'get'],
    ['GET', '/api/v1/namespaces/x/pods/p/log', 'follow=true', 'get'],
    ['DELETE', '/api/v1/namespaces/x/pods', '', 'deletecollection'],
    ['DELETE', '/api/v1/namespaces/x/pods/p', '', 'delete'],
    ['POST', '/api/v1/namespaces/x/pods/p/eviction', '', 'create'],
    ['PUT', '/api/v1/namespaces/x/pods/p', '', 'update'],
    ['HEAD', '/api/v1/namespaces/x/pods/p/proxy/', '', 'get'],
    ['OPTIONS', '/api/v1/namespaces/x/pods/p/proxy/', '', ''],
  ])('%s %s?%s', (method, path, query, verb) => {
    const target = targetOf(index, path);
    expect(target && verbOf(target, method, new URLSearchParams(query))).toBe(verb);
  });
});
