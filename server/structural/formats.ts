import { isIPv6 } from 'node:net';

type Check = (text: string) => boolean;

const UUID = (version: string, variant = '[0-9a-f]{4}'): RegExp =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}-?${variant}-?[0-9a-f]{12}$`, 'i');

const matches =
  (pattern: RegExp): Check =>
  (text) =>
    pattern.test(text);

/** One segment of a long name, or a short one. */
const NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

/** The format as values of this type are held to it; undefined where they are not. */
export function knownFormat(type: string | undefined, format: string | undefined): string | undefined {
  if (!format) return undefined;
  switch (type) {
    case undefined:
    case '':
    case 'string':
      return STRING_FORMATS.has(format.replaceAll('-', '')) ? format : undefined;
    case 'integer':
      return format === 'int32' || format === 'int64' ? format : undefined;
    case 'number':
      return format === 'float' || format === 'double' ? format : undefined;
    default:
      return undefined;
  }
}

/** Does the text have the format? Formats that nobody knows hold for all. */
export const hasFormat = (format: string, text: string): boolean =>
  STRING_FORMATS.get(format.replaceAll('-', ''))?.(text) ?? true;

/** Zeros in front of a number are none's fault. */
const isIpv4 = (text: string): boolean =>
  /^[0-9]+(?:\.[0-9]+){3}$/.test(text) && text.split('.').every((part) => Number(part) <= 255);

const isIpv6 = (text: string): boolean => isIPv6(text) && !text.includes('%');

/** As Go's `url.ParseRequestURI`: absolute, or a path; nothing that has to be escaped. */
function isRequestUri(text: string): boolean {
  if (text === '' || /\p{Cc}/u.test(text)) return false;
  const scheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:/.exec(text)?.[0];
  const rest = scheme ? text.slice(scheme.length) : text;
  if (!scheme && !rest.startsWith('/')) return rest === '*';
  if (/%(?![0-9a-fA-F]{2})/.test(rest.split('?')[0] ?? '')) return false;
  if (!rest.startsWith('//') || (!scheme && rest.startsWith('///')))
    return scheme !== undefined || rest.startsWith('/');
  const authority = /^\/\/([^/?]*)/.exec(rest)?.[1] ?? '';
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (/[\s"<>\\^`{|}]/.test(host)) return false;
  const port = /^(?:\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(host);
  return port !== null;
}

/** As far as Go's `mail.ParseAddress` takes addresses that people write: `a@b.c`, `Some Name <a@b.c>`. */
function isEmail(text: string): boolean {
  const address = /^[^<>]*<([^<>]+)>\s*$/.exec(text)?.[1] ?? text.trim();
  const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\uffff-]+";
  const local = `(?:${atom}(?:\\.${atom})*|"(?:[^"\\\\\\r\\n]|\\\\.)*")`;
  return new RegExp(`^${local}@(?:${atom}(?:\\.${atom})*|\\[[^\\]\\s]*\\])$`).test(address);
}

function isHostname(text: string): boolean {
  if (text.length > 255) return false;
  const parts = text.split('.');
  if (parts.some((part) => part.length > 63)) return false;
  const letters = 'a-zA-Z0-9\\p{S}\\p{L}';
  if (parts.length === 1) return new RegExp(`^[${letters}](?:-?[${letters}]{0,62})?$`, 'u').test(text);
  const label = new RegExp(`^[${letters}](?:[-${letters}]{0,61}[${letters}])?$`, 'u');
  const top = /^[a-zA-Z\p{L}]{2,63}$/u;
  return parts.slice(0, -1).every((part) => label.test(part)) && top.test(parts.at(-1) ?? '');
}

function isCidr(text: string): boolean {
  const slash = text.indexOf('/');
  const address = text.slice(0, slash);
  const length = text.slice(slash + 1);
  if (slash < 0 || !/^[0-9]{1,9}$/.test(length)) return false;
  return (isIpv4(address) && Number(length) <= 32) || (isIpv6(address) && Number(length) <= 128);
}

const isMac = (text: string): boolean =>
  [
    /^(?:[0-9a-f]{2}:)*[0-9a-f]{2}$/i,
    /^(?:[0-9a-f]{2}-)*[0-9a-f]{2}$/i,
    /^(?:[0-9a-f]{4}\.)*[0-9a-f]{4}$/i,
  ].some((form) => form.test(text)) && [6, 8, 20].includes(text.replace(/[^0-9a-f]/gi, '').length / 2);

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '');
  if (!/^(?:[0-9]{9}X|[0-9]{10})$/.test(digits)) return false;
  const sum = [...digits].reduce(
    (total, digit, i) => total + (i + 1) * (digit === 'X' ? 10 : Number(digit)),
    0,
  );
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]+/g, '');
  if (!/^[0-9]{13}$/.test(digits)) return false;
  const sum = [...digits].reduce((total, digit, i) => total + (i % 2 === 0 ? 1 : 3) * Number(digit), 0);
  return sum % 10 === 0;
}

const CREDIT_CARD =
  /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/;

function isCreditCard(text: string): boolean {
  const digits = text.replace(/[^0-9]+/g, '');
  if (!CREDIT_CARD.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 0 ? 1 : 2);
    return total + (value >= 10 ? (value % 10) + 1 : value);
  }, 0);
  return sum % 10 === 0;
}

function isRgbColor(text: string): boolean {
  const parts = /^rgb\(\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*\)$/.exec(text);
  return (
    parts?.slice(1).every((part) => Number(part) <= 255 && (part === '0' || !part.startsWith('0'))) ?? false
  );
}

function isDate(text: string): boolean {
  const parts = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text);
  if (!parts) return false;
  const [year = 0, month = 0, day = 0] = parts.slice(1).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days;
}

function isDateTime(text: string): boolean {
  const [date = '', time = ''] = text.toLowerCase().split('t');
  const parts = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})$/.exec(time);
  if (!parts || !isDate(date)) return false;
  const [, hour = '', minute = '', second = ''] = parts;
  return hour <= '23' && minute <= '59' && second <= '59';
}

const GO_DURATION = /^[-+]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
/** Each unit with its names; of the last, what it begins with will do. */
const UNITS = ['ns|nano', 'us|µs|micro', 'ms|milli', 's|sec', 'm|min', 'h|hr|hour', 'd|day', 'w|wk|week'].map(
  (names) => names.split('|'),
);

function isDuration(text: string): boolean {
  if (GO_DURATION.test(text)) return true;
  return [...text.matchAll(/[0-9]+\s*([A-Za-zµ]+)/g)].some(([, found = '']) => {
    const unit = found.toLowerCase();
    return UNITS.some((names) => names.includes(unit) || unit.startsWith(names.at(-1) ?? ''));
  });
}

/**
 * The formats of strings that a CustomResourceDefinition can name, without their dashes. Rules: kube-openapi `strfmt`
 * and `govalidator`; in which versions they are known: apiextensions-apiserver `validation/formats.go`.
 */
const STRING_FORMATS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['bsonobjectid', matches(/^[0-9a-fA-F]{24}$/)],
  ['uri', isRequestUri],
  ['email', isEmail],
  ['hostname', isHostname],
  // An address of version 4 in one of version 6 counts as well.
  ['ipv4', (text) => isIpv4(text) || (isIpv6(text) && text.includes('.'))],
  ['ipv6', isIpv6],
  ['cidr', isCidr],
  ['mac', isMac],
  ['uuid', matches(UUID('[0-9a-f]{4}'))],
  ['uuid3', matches(UUID('3[0-9a-f]{3}'))],
  ['uuid4', matches(UUID('4[0-9a-f]{3}', '[89ab][0-9a-f]{3}'))],
  ['uuid5', matches(UUID('5[0-9a-f]{3}', '[89ab][0-9a-f]{3}'))],
  ['isbn', (text) => isIsbn10(text) || isIsbn13(text)],
  ['isbn10', isIsbn10],
  ['isbn13', isIsbn13],
  ['creditcard', isCreditCard],
  ['ssn', (text) => text.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text)],
  ['hexcolor', matches(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ['rgbcolor', isRgbColor],
  ['byte', matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/)],
  ['password', () => true],
  ['date', isDate],
  ['duration', isDuration],
  ['datetime', isDateTime],
  ['k8sshortname', (text) => text.length <= 63 && NAME.test(text)],
  ['k8slongname', (text) => text.length <= 253 && text.split('.').every((part) => NAME.test(part))],
]);
