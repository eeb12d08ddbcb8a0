import { nodes } from '#proto/api/core/nodes.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { services } from '#proto/api/core/services.ts';
import { ingressclasses } from '#proto/api/networking/ingressclasses.ts';
import { ingresses } from '#proto/api/networking/ingresses.ts';
import { backendsOf, isServed, NODE_CONDITION, tlsSecretsOf } from '#proto/ingress/ingress.ts';
import { readKeyPair } from '#proto/ingress/key-pair.ts';
import { keyOf } from '#proto/meta/object.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';
import { type Controller, type ControllerContext, createQueue } from '#server/controllers/context.ts';
import { planProblems, planStatus } from './ingress.plan.ts';

/** Tells of each Ingress that our boards serve where it is reached, and of what in it they can not serve. */
export function createIngressController(context: ControllerContext): Controller {
  const { client, informers } = context;
  const events = context.recorderFor('ingress-controller');
  const all = informers.for(ingresses);
  const classes = informers.for(ingressclasses);
  const allNodes = informers.for(nodes);
  const allServices = informers.for(services);
  const allSecrets = informers.for(secrets);
  all.addIndex('service', ({ metadata, ...rest }) =>
    backendsOf({ metadata, ...rest }).flatMap(({ backend }) =>
      backend.service ? [`${metadata.namespace}/${backend.service.name}`] : [],
    ),
  );
  all.addIndex('secret', tlsSecretsOf);
  const ours = (ingress: Ingress): boolean => isServed(ingress, (name) => classes.get(name));
  /** What was said last, by uid: events are told when they are news. */
  const told = new Map<string, ReadonlySet<string>>();

  const queue = createQueue(context, 'ingress', async (key) => {
    const ingress = all.get(key);
    if (!ingress || ingress.metadata.deletionTimestamp || !ours(ingress)) return;
    const uid = ingress.metadata.uid ?? '';
    const problems = planProblems(ingress, {
      nodes: allNodes.list(),
      service: (name) => allServices.get(name),
      secretProblem,
      ingresses: all.list().filter(ours),
    });
    const before = told.get(uid);
    const now = new Set(problems.map(({ message }) => message));
    for (const problem of problems) if (!before?.has(problem.message)) events.event(ingress, problem);
    told.set(uid, now);

    const status = planStatus(allNodes.list());
    const known = ingress.status?.loadBalancer?.ingress ?? [];
    const wanted = status.loadBalancer?.ingress ?? [];
    if (JSON.stringify(known) === JSON.stringify(wanted)) return;
    const { namespace, name = '' } = ingress.metadata;
    const loadBalancer = { ingress: wanted.length > 0 ? wanted : null };
    await client.patch(
      ingresses,
      { namespace, name },
      'merge',
      { status: { loadBalancer } },
      { subresource: 'status' },
    );
    if (known.length === 0) {
      const message = `boards serve it at ${wanted.map(({ ip }) => ip).join(', ')}`;
      events.event(ingress, { type: 'Normal', reason: 'Served', message });
    }
  });

  const secretProblem = (key: string): string | undefined => {
    const secret = allSecrets.get(key);
    if (!secret) return 'there is none';
    try {
      readKeyPair(secret);
      return undefined;
    } catch (err) {
      return (err as Error).message;
    }
  };
  const again = (): void => {
    for (const ingress of all.values()) queue.add(keyOf(ingress));
  };

  all.onChange((type, ingress) => {
    if (type === 'DELETED') told.delete(ingress.metadata.uid ?? '');
    // Another one may have waited for what this one had.
    if (type === 'DELETED' || type === 'ADDED') again();
    else queue.add(keyOf(ingress));
  });
  classes.onChange(again);
  allNodes.onChange((type, node, old) => {
    if (type === 'DELETED' || servingOf(node) !== (old && servingOf(old))) again();
  });
  allServices.onChange((_type, service) => {
    for (const ingress of all.byIndex('service', keyOf(service))) queue.add(keyOf(ingress));
  });
  allSecrets.onChange((_type, secret) => {
    for (const ingress of all.byIndex('secret', keyOf(secret))) queue.add(keyOf(ingress));
  });
  return { start: (signal) => queue.start(signal) };
}

/** The part of a Node that is looked at; the rest changes all the time. */
function servingOf({ metadata, status }: Node): string {
  const conditions = (status?.conditions ?? [])
    .filter(({ type }) => type === NODE_CONDITION || type === 'Ready')
    .map(({ type, status: stands, message }) => [type, stands, type === 'Ready' ? '' : message]);
  return JSON.stringify([metadata.deletionTimestamp, status?.addresses, conditions]);
}
