import type { HostPort } from '../pod-info.plan.ts';
import { type Filter, refusal } from './filter.ts';

const ANY = '0.0.0.0';
const TAKEN = refusal("node(s) didn't have free ports for the requested pod ports", true);

const clash = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === ANY || b.ip === ANY);

export const nodePorts: Filter = {
  name: 'NodePorts',
  prepare: ({ hostPorts }) =>
    hostPorts.length === 0
      ? undefined
      : (node) =>
          hostPorts.some((wanted) => node.hostPorts.some((taken) => clash(wanted, taken)))
            ? TAKEN
            : undefined,
};
