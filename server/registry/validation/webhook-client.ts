import { X509Certificate } from 'node:crypto';
import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import { between, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

const FORM = '; desired format: https://host[/path]';

/** Where webhooks of all kinds are. Rule: `ValidateWebhookURL` of k8s.io/apiserver/pkg/util/webhook. */
export function validateWebhookUrl(url: string, path: string): FieldError[] {
  const parts =
    /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/(?:([^/?#@]*)@)?([^/?#]*))?[^?#]*(?:\?([^#]*))?(?:#(.*))?$/is.exec(url);
  if (!parts || /[\s\p{Cc}]/u.test(url)) return [required(path, `url must be a valid URL${FORM}`)];
  const [, scheme = '', user, host = '', query = '', fragment = ''] = parts;
  const errors: FieldError[] = [];
  if (scheme.toLowerCase() !== 'https')
    errors.push(invalidValue(path, scheme, `'https' is the only allowed URL scheme${FORM}`));
  if (host === '') errors.push(invalidValue(path, host, `host must be specified${FORM}`));
  if (user !== undefined)
    errors.push(invalidValue(path, user, 'user information is not permitted in the URL'));
  if (fragment) errors.push(invalidValue(path, fragment, 'fragments are not permitted in the URL'));
  if (query) errors.push(invalidValue(path, query, 'query parameters are not permitted in the URL'));
  return errors;
}

/** Rule: `ValidateWebhookService` of k8s.io/apiserver/pkg/util/webhook; its callers give it name and namespace in turn. */
export function validateWebhookService(
  service: {
    readonly name: string;
    readonly namespace: string;
    readonly path?: string | undefined;
    readonly port?: number | undefined;
  },
  at: string,
): FieldError[] {
  const { name, namespace, path = '', port = 443 } = service;
  const errors: FieldError[] = [];
  if (!namespace) errors.push(required(`${at}.name`));
  if (!name) errors.push(required(`${at}.namespace`));
  if (!(port >= 1 && port <= 65535))
    errors.push(invalidValue(`${at}.port`, port, `port is not valid: ${between(1, 65535)}`));
  return [...errors, ...pathProblems(path).map((problem) => invalidValue(`${at}.path`, path, problem))];
}

function pathProblems(path: string): string[] {
  if (path === '' || path === '/') return [];
  if (path === '//') return ['segment[0] may not be empty'];
  const problems = path.startsWith('/') ? [] : ["must start with a '/'"];
  const segments = path.slice(1).replace(/\/$/, '').split('/');
  return [
    ...problems,
    ...segments.flatMap((segment, i) =>
      segment === ''
        ? [`segment[${i}] may not be empty`]
        : dnsSubdomainProblems(segment).map((problem) => `segment[${i}]: ${problem}`),
    ),
  ];
}

/** Why a bundle of certificates can't be trusted; undefined where it can. */
export function bundleProblem(base64: string): string | undefined {
  const blocks = Buffer.from(base64, 'base64')
    .toString()
    .match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  const problem = 'unable to load root certificates: unable to parse bytes as PEM block';
  if (!blocks) return problem;
  try {
    for (const block of blocks) new X509Certificate(block);
    return undefined;
  } catch (err) {
    return `unable to load root certificates: ${err instanceof Error ? err.message : problem}`;
  }
}
