import { claimNotFound } from '../pod-volumes.plan.ts';
import { type Filter, refusal } from './filter.ts';

const IN_USE = refusal(
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
  true,
);

/** A claim that is for one Pod at a time. Rule: KEP-2485. */
export const volumeRestrictions: Filter = {
  name: 'VolumeRestrictions',
  prepare: (pod, cluster) => {
    const users = new Set<string>();
    for (const key of pod.claims) {
      const claim = cluster.volumes.claim(key);
      if (!claim) return refusal(claimNotFound(pod, key));
      if (!claim.spec.accessModes?.includes('ReadWriteOncePod')) continue;
      for (const { uid } of cluster.claimUsers(key)) if (uid !== pod.uid) users.add(uid);
    }
    if (users.size === 0) return undefined;
    return (_node, whatIf) => {
      const gone = whatIf?.removed.filter(({ uid }) => users.has(uid)).length ?? 0;
      return users.size > gone ? IN_USE : undefined;
    };
  },
  helpedBy: (_pod, change) => change.type === 'pod gone' || change.type === 'volume',
};
