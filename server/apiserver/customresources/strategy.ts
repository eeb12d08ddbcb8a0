import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '#proto/meta/object.ts';
import type { CustomVersion } from '#server/apiserver/customresources/custom-version.ts';
import type { Strategy } from '#server/registry/strategy.ts';

type WithStatus = KubeObject & { status?: unknown };

/** What is particular to custom kinds. Rule: apiextensions-apiserver `registry/customresource/strategy.go`. */
export function customStrategy(version: CustomVersion): Strategy {
  return {
    // Counted here: without a status of its own, a change of `status` counts as well.
    generation: false,
    unconditionalUpdate: false,
    prepareForCreate: (object: WithStatus) => {
      if (version.hasStatus) delete object.status;
      object.metadata.generation = 1;
    },
    prepareForUpdate: (object, old, { subresource }) => {
      if (subresource === 'status') {
        const { managedFields, resourceVersion } = object.metadata;
        object.metadata = { ...structuredClone(old.metadata), resourceVersion };
        if (managedFields) object.metadata.managedFields = managedFields;
        else delete object.metadata.managedFields;
      } else if (!isDeepStrictEqual(contentOf(object), contentOf(old))) {
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
      }
    },
  };
}

const contentOf = ({ metadata: _, ...content }: KubeObject): object => content;
