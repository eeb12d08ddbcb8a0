import type { IngressOptions } from '../net/ingress/ingress.ts';

/** What serves Ingresses is not even loaded before there is one. Resolves when it has ended, with the signal. */
export async function serveIngressesOnceWanted(options: IngressOptions, signal: AbortSignal): Promise<void> {
  await untilWanted(options.desired, signal);
  if (signal.aborted) return;
  const { serveIngresses } = await import('../net/ingress/ingress.ts');
  await serveIngresses(options, signal);
}

function untilWanted(desired: IngressOptions['desired'], signal: AbortSignal): Promise<void> {
  const isWanted = (): boolean => desired.list('ingresses').length > 0;
  if (isWanted()) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      off();
      resolve();
    };
    const off = desired.onChange((plural) => {
      if (plural === 'ingresses' && isWanted()) done();
    });
    signal.addEventListener('abort', done, { once: true });
  });
}
