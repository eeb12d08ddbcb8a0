import { MAX_BODY_BYTES } from '#proto/meta/decode/decode-object.ts';
import { badRequest, StatusError } from '#proto/meta/status-error.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { ApiApp } from '#server/apiserver/http/app.ts';
import type { ApiRequest, BytesAnswer } from '#server/apiserver/http/exchange.ts';
import { splitUrl } from '#server/apiserver/http/incoming.ts';

/** Runs one API call as it would run over HTTPS, authorization and admission included. Never rejects. */
export type Dispatch = (request: {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly user: UserInfo;
  /** As the audit log calls the client's program; a board's agent where it is absent. */
  readonly userAgent?: string;
}) => Promise<{ readonly code: number; readonly contentType: string; readonly body: Uint8Array }>;

/** For calls that come on another way than HTTPS and whose caller is known: a board's session. */
export function createDispatch(app: ApiApp): Dispatch {
  return async ({ method, path: url, contentType, body, user, userAgent = 'coracle-agent' }) => {
    const headers = { 'content-type': contentType, 'user-agent': userAgent };
    const answer = await call(app, method, url, headers, body, user);
    return {
      code: answer.code,
      contentType: answer.contentType,
      body: answer.body,
    };
  };
}

async function call(
  app: ApiApp,
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  user: UserInfo,
): Promise<BytesAnswer> {
  const header = (name: string): string | undefined => headers[name];
  const visit = app.visit({ method, url, header, remoteAddress: '' });
  visit.begin(user);
  const answer = await answerTo(app, { method, url, header, body, user, trail: visit.trail });
  visit.trail?.answered(answer);
  visit.completed();
  return answer;
}

type Called = Pick<ApiRequest, 'method' | 'header' | 'user' | 'trail'> & {
  readonly url: string;
  readonly body: Uint8Array;
};

async function answerTo(app: ApiApp, { url, body, ...called }: Called): Promise<BytesAnswer> {
  try {
    const { path, query } = splitUrl(url);
    const request: ApiRequest = {
      ...called,
      path,
      query,
      body: async () => {
        if (body.length > MAX_BODY_BYTES)
          throw new StatusError(
            'RequestEntityTooLarge',
            `Request entity too large: limit is ${MAX_BODY_BYTES}`,
          );
        return body;
      },
    };
    const answer = await app.apiAnswer(request);
    if (answer.kind === 'bytes') return answer;
    if (answer.kind === 'parts') return { ...answer, kind: 'bytes', body: Buffer.concat(answer.parts) };
    throw badRequest('only calls with one answer can be made here');
  } catch (err) {
    return app.errorAnswer(err, { method: called.method, path: url });
  }
}
