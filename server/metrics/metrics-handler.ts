import { EXPOSITION_TYPE, exposition, type Family, family } from '#proto/metrics/exposition.ts';
import { KUBERNETES_VERSION } from '#proto/version.ts';
import type { ExtraHandler } from '#server/apiserver/http/app.ts';
import { textAnswer } from '#server/apiserver/http/exchange.ts';

/** A page of metrics by its path; its families are gathered when it is asked for. */
export type MetricPages = Readonly<Record<string, () => Iterable<Family> | Promise<Iterable<Family>>>>;

/** Serves pages of metrics; who may read them is decided before, as for every path. */
export function metricsHandler(pages: MetricPages): ExtraHandler {
  return async ({ path, method }) => {
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (!page || (method !== 'GET' && method !== 'HEAD')) return undefined;
    return { ...textAnswer(200, exposition(await page())), contentType: EXPOSITION_TYPE };
  };
}

/** Which Kubernetes this is. */
export const buildInfo = (): Family =>
  family('kubernetes_build_info', 'gauge', 'The version of this program.', ['git_version'], () => [
    [[KUBERNETES_VERSION], 1],
  ]);
