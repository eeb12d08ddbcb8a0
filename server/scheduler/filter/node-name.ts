import type { Filter } from './filter.ts';

export const nodeName: Filter = {
  name: 'NodeName',
  reasons: ({ pod }, { node }) =>
    !pod.spec.nodeName || pod.spec.nodeName === node.metadata.name
      ? []
      : ["node(s) didn't match the requested node name"],
};
