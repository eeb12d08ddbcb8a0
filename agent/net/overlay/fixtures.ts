import type { Node } from '#proto/schema/generated/core-v1.ts';

/** With as many addresses and Pod networks as are given, separated by commas. */
export const aNode = (
  name: string,
  addresses: string,
  podCidrs = '',
  annotations: Record<string, string> = {},
): Node => {
  const ranges = podCidrs === '' ? [] : podCidrs.split(',');
  return {
    metadata: { name, annotations },
    spec: ranges[0] ? { podCIDR: ranges[0], podCIDRs: ranges } : {},
    status: {
      addresses: addresses
        .split(',')
        .flatMap((address) => (address === '' ? [] : [{ type: 'InternalIP', address }])),
    },
  } as Node;
};
