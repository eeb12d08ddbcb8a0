import {
  type Answer,
  encodeAnswer,
  encodeQuestion,
  parseQuery,
  type Query,
  RCODE,
  type ResourceRecord,
} from '#proto/dns/message.plan.ts';
import { handOn } from './forwarded.plan.ts';
import { resolve } from './resolve.plan.ts';
import type { Upstream } from './upstream.ts';
import type { Zone } from './zone.plan.ts';

export interface ResponderOptions {
  readonly zone: () => Zone;
  readonly upstream: Pick<Upstream, 'ask' | 'cameBack'>;
}

const MAX_TCP_SIZE = 65_535;
/** An alias that leads to an alias of the cluster, and so on: enough for people, not for a loop. */
const MAX_CHASES = 8;

const empty = (rcode: number): Answer => ({
  rcode,
  authoritative: false,
  answers: [],
  authority: [],
  additional: [],
});

/** One query in, one answer out; undefined: none is due. */
export class Responder {
  readonly #options: ResponderOptions;
  #turn = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** What the cluster knows is answered at once; only other names make a promise. */
  respond(bytes: Uint8Array, tcp: boolean): Uint8Array | undefined | Promise<Uint8Array> {
    const query = parseQuery(bytes);
    if (!query) return undefined;
    const limit = tcp ? MAX_TCP_SIZE : query.size;
    if (query.rcode !== RCODE.NOERROR) return encodeAnswer(query, empty(query.rcode), limit);
    this.#turn = (this.#turn + 1) % 1_000_003;
    const resolution = resolve(this.#options.zone(), query.name, query.type, this.#turn);
    if (resolution === 'forward') {
      if (this.#options.upstream.cameBack(query)) return encodeAnswer(query, empty(RCODE.REFUSED), limit);
      return this.#forward(query, tcp, limit);
    }
    const { answer, chase } = resolution;
    if (chase === undefined) return encodeAnswer(query, answer, limit);
    return this.#chase(query, chase).then((more) =>
      encodeAnswer(query, { ...answer, authority: [], answers: [...answer.answers, ...more] }, limit),
    );
  }

  async #forward(query: Query, tcp: boolean, limit: number): Promise<Uint8Array> {
    const heard = await this.#options.upstream.ask(query, tcp);
    if (!heard) return encodeAnswer(query, empty(RCODE.SERVFAIL), limit);
    return handOn(heard.forwarded, query, heard.ageSeconds, limit);
  }

  /** What an alias leads to: clients of a resolver expect the whole way. */
  async #chase(query: Query, target: string): Promise<ResourceRecord[]> {
    const found: ResourceRecord[] = [];
    let name = target;
    for (let step = 0; step < MAX_CHASES; step++) {
      const resolution = resolve(this.#options.zone(), name, query.type, this.#turn);
      if (resolution === 'forward') {
        const question = encodeQuestion(name, query.type);
        const heard = await this.#options.upstream.ask({ ...query, name, question }, true);
        return [...found, ...(heard?.forwarded.records ?? [])];
      }
      found.push(...resolution.answer.answers);
      if (resolution.chase === undefined) return found;
      name = resolution.chase;
    }
    return found;
  }
}
