import { describe, expect, it } from 'vitest';
import { isLongRunning, requestInfoOf, selectedName } from './request-info.ts';

it.each<[string, string, string]>([
  ['GET /version', 'get', '-'],
  ['GET /api/v1', 'get', '-'],
  ['GET /api/v1/pods', 'list', ' v1 * pods'],
  ['GET /api/v1/pods?watch=true', 'watch', ' v1 * pods'],
  ['GET /api/v1/watch/namespaces/a/pods/x', 'watch', ' v1 a pods x'],
  ['GET /api/v1/namespaces/a/pods/x/log', 'get', ' v1 a pods/log x'],
  ['POST /apis/apps/v1/namespaces/a/deployments', 'create', 'apps v1 a deployments'],
  ['PUT /api/v1/namespaces/a', 'update', ' v1 a namespaces a'],
  ['PUT /api/v1/namespaces/a/status', 'update', ' v1 a namespaces/status a'],
  ['PATCH /api/v1/nodes/pi/status', 'patch', ' v1 * nodes/status pi'],
  ['DELETE /api/v1/namespaces/a/pods', 'deletecollection', ' v1 a pods'],
  ['DELETE /api/v1/namespaces/a/pods/x', 'delete', ' v1 a pods x'],
  ['GET /api/v1/pods?fieldSelector=metadata.name%3Dx', 'list', ' v1 * pods x'],
  ['GET /apis/not.served/v9/things/x', 'get', 'not.served v9 * things x'],
])('%s', (request, verb, about) => {
  const [method = '', url = ''] = request.split(' ');
  const [path = '', query] = url.split('?');
  const info = requestInfoOf(method, path, new URLSearchParams(query));
  const r = info.resource;
  const what = r && `${r.plural}${r.subresource ? `/${r.subresource}` : ''}${r.name ? ` ${r.name}` : ''}`;
  expect([info.verb, r ? `${r.group} ${r.version} ${r.namespace || '*'} ${what}` : '-']).toEqual([
    verb,
    about,
  ]);
});

it('knows what lasts', () => {
  const lasts = (path: string, query = '') =>
    isLongRunning(requestInfoOf('GET', path, new URLSearchParams(query)));
  expect(lasts('/api/v1/pods', 'watch=1')).toBe(true);
  expect(lasts('/api/v1/namespaces/a/pods/x/exec')).toBe(true);
  expect(lasts('/api/v1/namespaces/a/pods/x')).toBe(false);
  expect(lasts('/metrics')).toBe(false);
});

describe('selectedName', () => {
  it.each<[string, string, string | undefined]>([
    ['list', 'metadata.name=one', 'one'],
    ['watch', 'metadata.name==one,spec.x=y', 'one'],
    ['watch', 'spec.x=y,metadata.name=one', 'one'],
    ['list', 'metadata.name!=one', undefined],
    ['list', 'metadata.name=', undefined],
    ['list', 'metadata.name=..', undefined],
    ['list', 'metadata.namespace=one', undefined],
    ['list', '', undefined],
    ['deletecollection', 'metadata.name=one', undefined],
  ])('%s %s', (verb, fieldSelector, expected) =>
    expect(selectedName(verb, new URLSearchParams({ fieldSelector }))).toBe(expected),
  );
});
