import type { ServiceAccount } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';

/** ServiceAccounts: their metadata is all there is to check. */
export const serviceAccount: Strategy<ServiceAccount> = { nameRule: 'dns-subdomain' };
