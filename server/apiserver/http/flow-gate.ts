import type { FlowControl, Ticket } from '#server/apiserver/flowcontrol/flow-control.ts';
import { seatsOf } from '#server/apiserver/flowcontrol/seats.ts';
import { type ApiRequest, type BytesAnswer, textAnswer } from '#server/apiserver/http/exchange.ts';
import { isLongRunning, type RequestInfo } from '#server/apiserver/http/request-info.ts';
import type { Store } from '#server/store/store.ts';

/** A request's turn; undefined for those that are not counted. */
export type FlowGate = (request: ApiRequest, info: RequestInfo) => Ticket | Promise<Ticket> | undefined;

/**
 * Priority and fairness for requests over HTTPS. Watches count while they open; streams do not. Boards and the parts of
 * this process come on other ways, so that no client stands before them. Rule: upstream's `WithPriorityAndFairness`.
 */
export function createFlowGate(control: FlowControl, store: Store): FlowGate {
  return ({ query, user, wire }, info) => {
    if (isLongRunning(info) && info.verb !== 'watch') return undefined;
    return control.enter(
      info,
      user,
      seatsOf(info, query, store),
      (listener) => wire?.onGone(listener) ?? noop,
    );
  };
}

const noop = (): void => {};

export const tooManyRequests = (): BytesAnswer => {
  const answer = textAnswer(429, 'Too many requests, please try again later.\n');
  return { ...answer, headers: { ...answer.headers, 'retry-after': '1' } };
};
