/**
 * The string formats of the API. Each function tells why a value does not fit, in upstream's words, and
 * nothing when it does. Rule: apimachinery `pkg/util/validation`.
 */

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const HTTP_HEADER = '[-A-Za-z0-9]+';
const PERCENT = '[0-9]+%';
const WILDCARD = `\\*\\.${SUBDOMAIN}`;

const whole = (format: string): RegExp => new RegExp(`^(?:${format})$`);
const LABEL_REGEX = whole(LABEL);
const SUBDOMAIN_REGEX = whole(SUBDOMAIN);
const LABEL_1035_REGEX = whole(LABEL_1035);
const CONFIG_KEY_REGEX = whole(CONFIG_KEY);
const HTTP_HEADER_REGEX = whole(HTTP_HEADER);
const PERCENT_REGEX = whole(PERCENT);
const WILDCARD_REGEX = whole(WILDCARD);

export const MUST_NOT_BE_EMPTY = 'must be non-empty';

export const maxLength = (length: number): string => `must be no more than ${length} characters`;

export const between = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`;

/** `rule (e.g. 'a',  or 'b', regex used for validation is 'format')` */
export function regexProblem(rule: string, format: string, ...examples: string[]): string {
  const such = examples.map((example) => `'${example}', `).join(' or ');
  return `${rule} (${such ? `e.g. ${such}` : ''}regex used for validation is '${format}')`;
}

/** A label of RFC 1123: `my-name`. */
export function dnsLabelProblems(value: string): string[] {
  const problems = value.length > 63 ? [maxLength(63)] : [];
  if (LABEL_REGEX.test(value)) return problems;
  if (SUBDOMAIN_REGEX.test(value)) return [...problems, 'must not contain dots'];
  const rule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...problems, regexProblem(rule, LABEL, 'my-name', '123-abc')];
}

/** Labels with dots between them: `example.com`. */
export function dnsSubdomainProblems(value: string): string[] {
  const problems = value.length > 253 ? [maxLength(253)] : [];
  if (SUBDOMAIN_REGEX.test(value)) return problems;
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [...problems, regexProblem(rule, SUBDOMAIN, 'example.com')];
}

/** A label that starts with a letter: what Services are named. */
export function dns1035LabelProblems(value: string): string[] {
  const problems = value.length > 63 ? [maxLength(63)] : [];
  if (LABEL_1035_REGEX.test(value)) return problems;
  const rule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [...problems, regexProblem(rule, LABEL_1035, 'my-name', 'abc-123')];
}

/** `*.example.com`. */
export function wildcardSubdomainProblems(value: string): string[] {
  const problems = value.length > 253 ? [maxLength(253)] : [];
  if (WILDCARD_REGEX.test(value)) return problems;
  const rule =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return [...problems, regexProblem(rule, WILDCARD, '*.example.com')];
}

const PATH_AFTER_DOMAIN = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const PATH_AFTER_DOMAIN_REGEX = whole(PATH_AFTER_DOMAIN);

/** `acme.io/foo`: the name of a controller. */
export function domainPrefixedPathProblems(value: string): string[] {
  const slash = value.indexOf('/');
  const [domain, path] = [value.slice(0, slash), value.slice(slash + 1)];
  if (slash <= 0 || path === '') return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  const problems = dnsSubdomainProblems(domain);
  if (problems.length > 0 || PATH_AFTER_DOMAIN_REGEX.test(path)) return problems;
  return [regexProblem('Invalid path', PATH_AFTER_DOMAIN)];
}

/** What stands between two slashes of a URL: names of RBAC objects. */
export function pathSegmentProblems(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** The name of an environment variable. */
export function envNameProblems(value: string): string[] {
  if (value === '') return [`environment variable name ${MUST_NOT_BE_EMPTY}`];
  if (/^[\x20-\x3c\x3e-\x7e]+$/.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** A key of a ConfigMap or a Secret: also a file name. */
export function configKeyProblems(value: string): string[] {
  const problems = value.length > 253 ? [maxLength(253)] : [];
  if (!CONFIG_KEY_REGEX.test(value)) {
    const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    problems.push(regexProblem(rule, CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name'));
  }
  if (value === '.' || value === '..') problems.push(`must not be '${value}'`);
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** The name of a port: `http`. */
export function portNameProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push(maxLength(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

export const portNumberProblems = (value: number): string[] =>
  Number.isInteger(value) && value >= 1 && value <= 65_535 ? [] : [between(1, 65_535)];

export function percentProblems(value: string): string[] {
  if (PERCENT_REGEX.test(value)) return [];
  const rule = "a valid percent string must be a numeric string followed by an ending '%'";
  return [regexProblem(rule, PERCENT, '1%', '93%')];
}

export function httpHeaderProblems(value: string): string[] {
  if (HTTP_HEADER_REGEX.test(value)) return [];
  const rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
  return [regexProblem(rule, HTTP_HEADER, 'X-Header-Name')];
}
