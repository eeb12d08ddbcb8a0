import { once } from 'node:events';
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startTestServer } from '#server/apiserver/testing/test-server.ts';

it('closes an HTTP/2 connection without requests, and none with a quiet watch', async () => {
  const { server, port, ca } = await startTestServer({}, { idleMs: 50 });
  const [idle, watching] = [1, 2].map(() => connect(`https://127.0.0.1:${port}`, { ca }));
  if (!idle || !watching) throw new Error('unreachable');
  const watch = watching.request({
    ':path': '/api/v1/configmaps?watch=true',
    authorization: 'Bearer admin',
  });
  await once(watch, 'response');
  await once(idle, 'close');
  await sleep(200);
  expect([watching.closed, watch.closed]).toEqual([false, false]);
  watching.destroy();
  await server.close();
});
