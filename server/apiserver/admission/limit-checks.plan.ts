/** Whether amounts keep within a LimitRange, in upstream's sentences. */

import { podAmounts } from '#proto/api/core/amounts.ts';
import { canonicalQuantity, compareQuantities, milliValue } from '#proto/meta/quantity.ts';
import type {
  Container,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  ResourceList,
} from '#proto/schema/generated/core-v1.ts';

interface Asked {
  readonly requests: Readonly<ResourceList>;
  readonly limits: Readonly<ResourceList>;
}

/** What is wrong with the Pod under this limit. */
export function podProblems({ spec }: Pod, limit: LimitRangeItem): string[] {
  switch (limit.type) {
    case 'Container':
      return [...spec.containers, ...(spec.initContainers ?? [])].flatMap((one) =>
        problems(limit, asked(one)),
      );
    case 'Pod':
      return problems(limit, { requests: podAmounts(spec, 'requests'), limits: podAmounts(spec, 'limits') });
    default:
      return [];
  }
}

/** What is wrong with the claim under this limit; a claim has no limits, so the maximum is one of its request. */
export function claimProblems({ spec }: PersistentVolumeClaim, limit: LimitRangeItem): string[] {
  if (limit.type !== 'PersistentVolumeClaim') return [];
  const requests = spec.resources?.requests ?? {};
  return present([
    ...entries(limit.min).map(([name, min]) => belowMin(name, limit.type, min, { requests, limits: {} })),
    ...entries(limit.max).map(([name, max]) => {
      const text = `maximum ${name} usage per ${limit.type} is ${show(max)}`;
      const request = requests[name];
      if (request === undefined) return `${text}.  No request is specified`;
      return exceeds(request, max) ? `${text}, but request is ${show(request)}` : undefined;
    }),
  ]);
}

const asked = ({ resources }: Container): Asked => ({
  requests: resources?.requests ?? {},
  limits: resources?.limits ?? {},
});

const entries = (list: ResourceList | undefined): [string, string][] => Object.entries(list ?? {});
const present = (list: readonly (string | undefined)[]): string[] => list.filter((one) => one !== undefined);
const show = canonicalQuantity;
const exceeds = (amount: string, bound: string): boolean => compareQuantities(amount, bound) > 0;

const problems = ({ type, min, max, maxLimitRequestRatio }: LimitRangeItem, own: Asked): string[] =>
  present([
    ...entries(min).map(([name, bound]) => belowMin(name, type, bound, own)),
    ...entries(max).map(([name, bound]) => aboveMax(name, type, bound, own)),
    ...entries(maxLimitRequestRatio).map(([name, bound]) => aboveRatio(name, type, bound, own)),
  ]);

function belowMin(name: string, type: string, min: string, { requests, limits }: Asked): string | undefined {
  const text = `minimum ${name} usage per ${type} is ${show(min)}`;
  const [request, limit] = [requests[name], limits[name]];
  if (request === undefined) return `${text}.  No request is specified`;
  if (exceeds(min, request)) return `${text}, but request is ${show(request)}`;
  if (limit !== undefined && exceeds(min, limit)) return `${text}, but limit is ${show(limit)}`;
  return undefined;
}

function aboveMax(name: string, type: string, max: string, { requests, limits }: Asked): string | undefined {
  const text = `maximum ${name} usage per ${type} is ${show(max)}`;
  const [request, limit] = [requests[name], limits[name]];
  if (limit === undefined) return `${text}.  No limit is specified`;
  if (exceeds(limit, max)) return `${text}, but limit is ${show(limit)}`;
  if (request !== undefined && exceeds(request, max)) return `${text}, but request is ${show(request)}`;
  return undefined;
}

function aboveRatio(
  name: string,
  type: string,
  max: string,
  { requests, limits }: Asked,
): string | undefined {
  const text = `${name} max limit to request ratio per ${type} is ${show(max)}`;
  const [request, limit] = [milliValue(requests[name]), milliValue(limits[name])];
  if (request === 0) return `${text}, but no request is specified or request is 0`;
  if (limit === 0) return `${text}, but no limit is specified or limit is 0`;
  const ratio = limit / request;
  return ratio * 1000 > milliValue(max) ? `${text}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}
