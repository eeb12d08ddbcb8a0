/**
 * Who comes in and what passes, for each connection of the embedded broker. The rules are mosquitto's: a subscription to
 * anything is granted and what may not be read is left out, a publication that may not be written is refused. A subscriber that
 * does not take what it gets loses messages beyond a bound, and its connection when it takes nothing for some seconds (aedes'
 * `drainTimeout`).
 */
import type { AedesOptions, Client } from 'aedes';
import { type BrokerAccess, type Grant, type MqttUser, planGrants, topicMatches } from '../access.plan.ts';
import { isPassword } from '../mosquitto-password.ts';

type Handlers = Required<
  Pick<AedesOptions, 'authenticate' | 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward'>
>;
type Refusal = Parameters<Parameters<Handlers['authenticate']>[3]>[0];

/** Somebody who is in, with what the way in was. */
interface Guest {
  readonly user: string;
  /** Undefined for who came with a certificate. */
  readonly passwordHash: string | undefined;
}

/** Bytes that wait in one subscriber's connection. */
const MAX_WAITING_BYTES = 256 * 1024;
const MAX_SUBSCRIPTIONS = 1_000;
const NOT_AUTHORIZED = 5;

export class Gate {
  /** Who is in now. */
  readonly #present = new Set<Client>();
  /** And who was: a last will comes after its client has left. */
  readonly #guests = new WeakMap<Client, Guest>();
  readonly #filters = new WeakMap<Client, Set<string>>();
  #grants: ReadonlyMap<string, Grant> = new Map();
  #users: ReadonlyMap<string, MqttUser> = new Map();

  /** Who may do what from now on. Who may no longer be here is sent away. */
  admit(access: BrokerAccess): void {
    this.#grants = new Map(planGrants(access).map((grant) => [grant.user, grant]));
    this.#users = new Map(access.users.map((user) => [user.name, user]));
    for (const client of this.#present) {
      const guest = this.#guests.get(client);
      if (!guest || !this.#isWelcome(guest)) client.close();
    }
  }

  leave(client: Client): void {
    this.#present.delete(client);
  }

  /** `certificateName`: the common name that a client's certificate proved; undefined on the way in for passwords. */
  handlers(certificateName: (client: Client) => string | undefined): Handlers {
    return {
      authenticate: (client, username, password, done) => {
        this.#identify(certificateName(client), username, password?.toString() ?? '').then(
          (guest) => {
            if (!guest || client.closed) return done(refusal(), false);
            this.#guests.set(client, guest);
            this.#present.add(client);
            done(null, true);
          },
          () => done(refusal(), false),
        );
      },
      authorizePublish: (client, packet, done) => {
        // Of a last will, which comes here when its time has come: in a publication it has no place, and clients break off.
        if (packet.properties) Reflect.deleteProperty(packet.properties, 'willDelayInterval');
        done(client && this.#may(client, 'write', packet.topic) ? null : new Error('not authorized'));
      },
      authorizeSubscribe: (client, subscription, done) => {
        const filters = this.#filters.get(client) ?? new Set();
        this.#filters.set(client, filters.add(subscription.topic));
        done(null, filters.size <= MAX_SUBSCRIPTIONS ? subscription : null);
      },
      authorizeForward: (client, packet) => {
        const waiting = 'writableLength' in client.conn ? client.conn.writableLength : 0;
        if (waiting > MAX_WAITING_BYTES) return null;
        return this.#may(client, 'read', packet.topic) ? packet : null;
      },
    };
  }

  async #identify(
    certificateName: string | undefined,
    username = '',
    password: string,
  ): Promise<Guest | undefined> {
    if (certificateName !== undefined) {
      const guest = { user: certificateName, passwordHash: undefined };
      return this.#isWelcome(guest) ? guest : undefined;
    }
    const user = this.#users.get(username);
    if (!user || !(await isPassword(password, user.passwordHash))) return undefined;
    return { user: username, passwordHash: user.passwordHash };
  }

  #isWelcome({ user, passwordHash }: Guest): boolean {
    return passwordHash === undefined
      ? this.#grants.has(user)
      : this.#users.get(user)?.passwordHash === passwordHash;
  }

  #may(client: Client, what: 'read' | 'write', topic: string): boolean {
    const user = this.#guests.get(client)?.user;
    const grant = user === undefined ? undefined : this.#grants.get(user);
    return grant?.[what].some((filter) => topicMatches(filter, topic)) ?? false;
  }
}

const refusal = (): Refusal => Object.assign(new Error('not authorized'), { returnCode: NOT_AUTHORIZED });
