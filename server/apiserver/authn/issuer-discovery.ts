import type { ExtraHandler } from '#server/apiserver/http/app.ts';
import { type BytesAnswer, JSON_TYPE, jsonAnswer } from '#server/apiserver/http/exchange.ts';

const CONFIGURATION = '/.well-known/openid-configuration';
const KEYS = '/openid/v1/jwks';
const CACHED = { 'cache-control': 'public, max-age=3600' };

/**
 * Who issued service-account tokens and with which keys, so that others can check them without asking the API for each.
 * Rule: OpenID Connect Discovery 1.0 §4, upstream's `pkg/serviceaccount/openidmetadata.go`.
 */
export function issuerDiscoveryHandler(options: {
  readonly issuer: string;
  /** Where the keys are read: `https://10.0.0.2:6443`, without a path. */
  readonly address: string;
  /** A JWK set (RFC 7517) of public keys. */
  readonly keys: object;
}): ExtraHandler {
  const cached = (body: object, contentType: string): BytesAnswer => ({
    ...jsonAnswer(200, body, contentType),
    headers: CACHED,
  });
  return ({ method, path }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (path === KEYS) return cached(options.keys, 'application/jwk-set+json');
    if (path !== CONFIGURATION) return undefined;
    return cached(
      {
        issuer: options.issuer,
        jwks_uri: `${options.address}${KEYS}`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      },
      JSON_TYPE,
    );
  };
}
