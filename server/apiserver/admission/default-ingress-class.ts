import { ingressclasses } from '#proto/api/networking/ingressclasses.ts';
import { ingresses } from '#proto/api/networking/ingresses.ts';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { newestDefault } from '#server/apiserver/admission/newest-default.ts';
import { isAbout } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

const CLASS = 'kubernetes.io/ingress.class';

/** An Ingress that names no class gets the default one: of several, the newest. Rule: upstream's `DefaultIngressClass`. */
export function createDefaultIngressClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    admit(attributes) {
      if (!isAbout(attributes, ingresses) || attributes.operation !== 'CREATE') return;
      const ingress = attributes.object as Ingress;
      if (ingress.spec?.ingressClassName !== undefined) return;
      if (ingress.metadata.annotations?.[CLASS] !== undefined) return;
      const found = newestDefault(reader.list(ingressclasses), [
        'ingressclass.kubernetes.io/is-default-class',
      ]);
      if (found) ingress.spec = { ...ingress.spec, ingressClassName: found };
    },
  };
}
