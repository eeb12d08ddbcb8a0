import type { EventWords } from '#server/client/event-words.ts';

export const ensured: EventWords = {
  type: 'Normal',
  reason: 'EnsuredLoadBalancer',
  message: 'Ensured load balancer',
};

export const failed = (why: string): EventWords => ({
  type: 'Warning',
  reason: 'SyncLoadBalancerFailed',
  message: `Error syncing load balancer: ${why}`,
});
