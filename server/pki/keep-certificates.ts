import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Pki } from './pki.ts';

export interface KeepCertificatesOptions {
  /** Opens the files anew, which renews what is due. */
  readonly open: () => Pki;
  readonly current: Pki;
  /** Puts to use what is new; called only when something is. */
  readonly apply: (pki: Pki) => void;
  readonly clock: Clock & { onJump(listener: () => void): () => void };
  readonly log: Logger;
}

const CHECK_MS = 12 * 60 * 60_000;

/**
 * Renews the server's own certificates while it runs: twice a day, and whenever the clock was set, for what was issued in 1970 may
 * have ended when the time arrives. Until the signal.
 */
export async function keepCertificates(options: KeepCertificatesOptions, signal: AbortSignal): Promise<void> {
  const { open, apply, clock, log } = options;
  let { current } = options;
  const look = (): void => {
    try {
      const now = open();
      if (fingerprint(now) === fingerprint(current)) return;
      current = now;
      apply(now);
      log.info('certificates renewed');
    } catch (err) {
      log.error('the server could not renew its certificates, later again', { err });
    }
  };
  signal.addEventListener('abort', clock.onJump(look), { once: true });
  while (!signal.aborted) {
    await clock.sleep(CHECK_MS, signal).catch(() => {});
    if (!signal.aborted) look();
  }
}

const fingerprint = ({ ca, serving, admin, frontProxy }: Pki): string =>
  [ca.cert, serving.cert, admin.cert, frontProxy.client.cert].join();
