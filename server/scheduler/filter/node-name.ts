import { type Filter, refusal } from './filter.ts';

const OTHER = refusal("node(s) didn't match the requested node name");

export const nodeName: Filter = {
  name: 'NodeName',
  prepare: ({ pod }) => {
    const wanted = pod.spec.nodeName;
    return wanted ? ({ name }) => (name === wanted ? undefined : OTHER) : undefined;
  },
};
