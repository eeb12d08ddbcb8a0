import type { Resource } from '#proto/api/resource.ts';
import type { Selector } from '#proto/meta/selector.ts';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import { selectorOf } from '#server/apiserver/admission/webhook/match.plan.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

/** One webhook of a configuration, ready to be asked. */
export interface Hook<W extends MutatingWebhook | ValidatingWebhook = MutatingWebhook | ValidatingWebhook> {
  /** Tells hooks apart, also those of one name in two configurations. */
  readonly id: string;
  readonly configuration: string;
  readonly webhook: W;
  readonly namespaceSelector: Selector | undefined;
  readonly objectSelector: Selector | undefined;
}

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

/** The webhooks of all configurations of one kind, in the order in which they are called: by configuration, then as listed there. */
export class Hooks<W extends MutatingWebhook | ValidatingWebhook> {
  readonly #configurations = new Map<string, readonly Hook<W>[]>();
  #all: readonly Hook<W>[] = [];

  constructor(reader: ObjectReader, resource: Resource) {
    reader.follow(resource as Resource<Configuration>, (configuration, change) => {
      const { name = '' } = configuration.metadata;
      if (change === 'delete') this.#configurations.delete(name);
      else this.#configurations.set(name, hooksOf<W>(configuration));
      this.#all = [...this.#configurations]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([, hooks]) => hooks);
    });
  }

  get all(): readonly Hook<W>[] {
    return this.#all;
  }
}

function hooksOf<W extends MutatingWebhook | ValidatingWebhook>(configuration: Configuration): Hook<W>[] {
  const { name = '' } = configuration.metadata;
  const ids = new Map<string, number>();
  return ((configuration.webhooks ?? []) as W[]).map((webhook) => {
    const count = ids.get(webhook.name) ?? 0;
    ids.set(webhook.name, count + 1);
    return {
      id: `${name}/${webhook.name}/${count}`,
      configuration: name,
      webhook,
      namespaceSelector: selectorOf(webhook.namespaceSelector),
      objectSelector: selectorOf(webhook.objectSelector),
    };
  });
}
