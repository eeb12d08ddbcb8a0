import type { AddressGroup, BoardPolicy, GroupMember } from '#proto/agent/board-policy.ts';
import type { LocalPod } from './policies.plan.ts';

/** A Pod `default/<name>` of this board, labelled `app: <name>`. */
export const aLocalPod = (name: string, ip: string, over: Partial<LocalPod> = {}): LocalPod => ({
  namespace: 'default',
  name,
  uid: `uid-${name}`,
  labels: { app: name },
  ips: [ip],
  ports: [],
  ...over,
});

/** Selects `app: <app>` of namespace `default`. */
export const aPolicy = (
  name: string,
  app: string,
  over: Omit<Partial<BoardPolicy>, 'metadata' | 'podSelector'> = { ingress: [] },
): BoardPolicy => ({
  metadata: { namespace: 'default', name, uid: `uid-${name.slice(0, 20)}` },
  podSelector: app === '' ? {} : { matchLabels: { app } },
  ...over,
});

export const aGroup = (name: string, ...members: (string | GroupMember)[]): AddressGroup => ({
  metadata: { name },
  members: members.map((member) => (typeof member === 'string' ? { ips: [member] } : member)),
});
