import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { SIGNING_ALGORITHMS } from '#server/apiserver/authn/oidc/jws.ts';
import { OidcAuthenticator } from '#server/apiserver/authn/oidc/oidc-authenticator.ts';
import type { OidcOptions } from '#server/apiserver/authn/oidc/oidc-claims.plan.ts';
import type { FetchJson } from '#server/apiserver/authn/oidc/remote-keys.ts';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1024 * 1024;

/** The login that the options describe; throws where they describe none. `caFile`: whom to trust, PEM; the system's where empty. */
export function openOidc(
  options: OidcOptions & { readonly caFile: string; readonly algorithms: readonly string[] },
  clock: Clock,
  log: Logger,
): OidcAuthenticator {
  const { caFile, algorithms, ...claims } = options;
  if (!URL.canParse(claims.issuer) || new URL(claims.issuer).protocol !== 'https:')
    throw new Error(`oidc-issuer-url ${JSON.stringify(claims.issuer)}: the scheme must be https`);
  if (claims.clientId === '') throw new Error('oidc-client-id is needed with oidc-issuer-url');
  const unknown = algorithms.find((one) => !SIGNING_ALGORITHMS.includes(one));
  if (unknown) throw new Error(`oidc-signing-algs: ${JSON.stringify(unknown)} is not known`);
  const odd = claims.requiredClaims.find((one) => !/^[^=]+=/.test(one));
  if (odd) throw new Error(`oidc-required-claim ${JSON.stringify(odd)} is not claim=value`);
  const ca = caFile === '' ? undefined : readFileSync(caFile, 'utf8');
  return new OidcAuthenticator({ options: claims, algorithms, fetch: fetchJson(ca), clock, log });
}

/** Over HTTPS alone, with an end to how long and how much. */
export const fetchJson =
  (ca: string | undefined): FetchJson =>
  (url) =>
    new Promise<JsonObject>((resolve, reject) => {
      const request = get(url, { ...(ca ? { ca } : {}), timeout: TIMEOUT_MS }, (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on('data', (part: Buffer) => {
          size += part.length;
          if (size > MAX_BYTES) request.destroy(new Error(`${url} answers too much`));
          else parts.push(part);
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode !== 200) return reject(new Error(`${url} answers ${response.statusCode}`));
          try {
            const value: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'));
            if (isObject(value)) resolve(value);
            else reject(new Error(`${url} answers no JSON object`));
          } catch (err) {
            reject(err);
          }
        });
      });
      request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
      request.on('error', reject);
    });
