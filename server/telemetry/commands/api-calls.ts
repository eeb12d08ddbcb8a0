/** API calls in the name of one MQTT user: with its rights and no more, and the audit log tells of each. */
import { StatusError } from '#proto/meta/status-error.ts';
import type { Status } from '#proto/schema/generated/meta-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';

export type PatchOf = 'merge-patch' | 'strategic-merge-patch';

export class ApiCalls {
  readonly #dispatch: Dispatch;
  readonly #user: UserInfo;

  constructor(dispatch: Dispatch, user: UserInfo) {
    this.#dispatch = dispatch;
    this.#user = user;
  }

  get<T>(path: string): Promise<T> {
    return this.#call('GET', path, 'application/json', undefined);
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.#call('POST', path, 'application/json', body);
  }

  patch<T>(path: string, type: PatchOf, body: object): Promise<T> {
    return this.#call('PATCH', path, `application/${type}+json`, body);
  }

  /** Rejects with the StatusError of the answer. */
  async #call<T>(method: string, path: string, contentType: string, body: object | undefined): Promise<T> {
    const answer = await this.#dispatch({
      method,
      path,
      contentType,
      body: body ? Buffer.from(JSON.stringify(body)) : new Uint8Array(),
      user: this.#user,
      userAgent: 'coracle-mqtt',
    });
    const value: unknown = JSON.parse(Buffer.from(answer.body).toString());
    if (answer.code >= 400) throw StatusError.from(value as Status);
    return value as T;
  }
}
