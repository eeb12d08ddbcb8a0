import { labelKeyProblems, labelValueProblems } from '#proto/meta/label-syntax.ts';
import type { Library } from '#server/cel/functions.ts';
import { regexCost } from '#server/cel/library/costs.ts';
import { parseRequestUri } from '#server/cel/library/urls.ts';
import { parseTimestamp } from '#server/cel/time.ts';
import { CelOpaque, CelOptional, type CelValue, ValueList } from '#server/cel/value.ts';
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
} from '#server/registry/validation/names.ts';

/** Named formats: `format.dns1123Label().validate(name)`. Rule: apiserver `pkg/cel/library/format.go`. */
class CelFormat extends CelOpaque {
  readonly typeName = 'kubernetes.NamedFormat';
  readonly name: string;
  readonly problems: (text: string) => readonly string[];
  readonly regexSize: number;

  constructor(name: string, problems: (text: string) => readonly string[], regexSize: number) {
    super();
    this.name = name;
    this.problems = problems;
    this.regexSize = regexSize;
  }

  equals(other: CelOpaque): boolean {
    return other instanceof CelFormat && other.name === this.name;
  }
}

/** A name that something is put behind: a dash at its end is fine. */
const prefix =
  (problems: (text: string) => readonly string[]) =>
  (text: string): readonly string[] =>
    problems(text.length > 1 ? text.replace(/-$/, 'a') : text);

const when =
  (holds: (text: string) => boolean, problem: string) =>
  (text: string): readonly string[] =>
    holds(text) ? [] : [problem];

const isDate = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && parseTimestamp(`${text}T00:00:00Z`) !== undefined;
const isBase64 = (text: string): boolean =>
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) && text !== '';

const FORMATS: ReadonlyMap<string, () => CelFormat> = new Map(
  (
    [
      ['dns1123Label', 'DNS1123Label', dnsLabelProblems, 30],
      ['dns1123Subdomain', 'DNS1123Subdomain', dnsSubdomainProblems, 60],
      ['dns1035Label', 'DNS1035Label', dns1035LabelProblems, 30],
      ['qualifiedName', 'QualifiedName', labelKeyProblems, 60],
      ['dns1123LabelPrefix', 'DNS1123LabelPrefix', prefix(dnsLabelProblems), 30],
      ['dns1123SubdomainPrefix', 'DNS1123SubdomainPrefix', prefix(dnsSubdomainProblems), 60],
      ['dns1035LabelPrefix', 'DNS1035LabelPrefix', prefix(dns1035LabelProblems), 30],
      ['labelValue', 'LabelValue', labelValueProblems, 40],
      ['uri', 'URI', uriProblems, 1450],
      [
        'uuid',
        'uuid',
        when(
          (text) => /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text),
          'does not match the UUID format',
        ),
        72,
      ],
      ['byte', 'byte', when(isBase64, 'invalid base64'), 84],
      ['date', 'date', when(isDate, 'invalid date'), 129],
      ['datetime', 'datetime', when((text) => parseTimestamp(text) !== undefined, 'invalid datetime'), 129],
    ] as const
  ).map(([key, name, problems, size]) => [key, () => new CelFormat(name, problems, size)]),
);

function uriProblems(text: string): readonly string[] {
  const parts = parseRequestUri(text);
  return typeof parts === 'string' ? [parts] : [];
}

function validate(format: CelFormat, text: string): CelValue {
  const problems = format.problems(text);
  return problems.length === 0 ? CelOptional.none : new CelOptional(new ValueList(problems));
}

const F = 'kubernetes.NamedFormat';

export const formats: Library = {
  ...Object.fromEntries([...FORMATS].map(([key, make]) => [`format.${key}`, [[`() ${F}`, make] as const]])),
  'format.named': [
    [
      `(string) optional<${F}>`,
      (name: string) => {
        const make = FORMATS.get(name);
        return make ? new CelOptional(make()) : CelOptional.none;
      },
    ],
  ],
  validate: [
    [
      `${F}.(string) optional<list<string>>`,
      validate,
      ([format, text]) => regexCost(text as CelValue, (format as CelFormat).regexSize),
    ],
  ],
};
