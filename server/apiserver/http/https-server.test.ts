import { once } from 'node:events';
import { connect } from 'node:http2';
import { expect, it } from 'vitest';
import { startTestServer } from '#server/apiserver/testing/test-server.ts';

it('closes an HTTP/2 connection without requests, and none with a quiet watch', async () => {
  const { server, port, ca } = await startTestServer({}, { idleMs: 1_000 });
  const watching = connect(`https://127.0.0.1:${port}`, { ca });
  const watch = watching.request({
    ':path': '/api/v1/configmaps?watch=true',
    authorization: 'Bearer admin',
  });
  await once(watch, 'response');
  // It came later: by its end the other one has been quiet for too long, too.
  await once(connect(`https://127.0.0.1:${port}`, { ca }), 'close');
  expect([watching.closed, watch.closed]).toEqual([false, false]);
  watching.destroy();
  await server.close();
});
