import { expect, it } from 'vitest';
import { requestHeaders, responseHeaders } from './headers.plan.ts';

it('sends on what speaks of the request, and no credentials', () => {
  const headers = {
    host: 'server:6443',
    authorization: 'Bearer secret',
    'impersonate-user': 'me',
    connection: 'keep-alive, X-Mine',
    'x-mine': '1',
    'keep-alive': 'timeout=5',
    te: 'trailers',
    cookie: 'a=b',
    'x-forwarded-for': '192.0.2.1',
    accept: 'text/html',
  };
  expect(requestHeaders(headers, { from: '192.0.2.2', uri: '/x' })).toEqual({
    host: 'server:6443',
    cookie: 'a=b',
    accept: 'text/html',
    'x-forwarded-for': '192.0.2.1, 192.0.2.2',
    'x-forwarded-uri': '/x',
  });
  expect(requestHeaders({ ':authority': 'server', ':method': 'GET' }, { from: '::1' })).toEqual({
    host: 'server',
    'x-forwarded-for': '::1',
  });
});

it('gives back all but what speaks of the connection, and of other origins', () => {
  const headers = {
    'content-type': 'text/plain',
    'set-cookie': ['a=b', 'c=d'],
    'transfer-encoding': 'chunked',
    'access-control-allow-origin': '*',
  };
  expect(responseHeaders(headers)).toEqual({ 'content-type': 'text/plain', 'set-cookie': ['a=b', 'c=d'] });
});
