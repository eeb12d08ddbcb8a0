import { ingressclasses } from '#proto/api/networking/ingressclasses.ts';
import { CLASS_NAME, CONTROLLER, DEFAULT_CLASS } from '#proto/ingress/ingress.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { IngressClass } from '#proto/schema/generated/networking-v1.ts';
import type { ApiClient } from '#server/client/client.ts';

/**
 * The class of Ingresses that our boards serve, the default one until somebody says otherwise: what users change of it stays.
 * Where another controller is to see to Ingresses it goes, so that nothing is given to a class that nobody serves.
 */
export async function ensureIngressClass(client: ApiClient, wanted: boolean): Promise<void> {
  const key = { name: CLASS_NAME };
  const there = await client.get<IngressClass>(ingressclasses, key).catch((err: unknown) => {
    if (isNotFound(err)) return undefined;
    throw err;
  });
  if (wanted && !there) {
    await client.create(ingressclasses, {
      metadata: { name: CLASS_NAME, annotations: { [DEFAULT_CLASS]: 'true' } },
      spec: { controller: CONTROLLER },
    });
  }
  if (!wanted && there?.spec.controller === CONTROLLER) await client.delete(ingressclasses, key);
}
