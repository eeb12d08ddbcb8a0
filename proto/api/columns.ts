import type { Column } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';

/** Cells that many kinds share. Wording and layout: upstream's `pkg/printers/internalversion`. */
export const NONE = '<none>';
export const UNKNOWN = '<unknown>';
const UNSET = '<unset>';

export const NAME: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  value: (object) => object.metadata.name ?? '',
};

export const AGE: Column<KubeObject> = {
  name: 'Age',
  type: 'string',
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
  value: (object, now) => age(object.metadata.creationTimestamp, now),
};

/** What a kind without columns of its own shows. */
export const DEFAULT_COLUMNS: readonly Column<KubeObject>[] = [
  NAME,
  {
    name: 'Created At',
    type: 'date',
    description:
      'CreationTimestamp is a timestamp representing the server time when this object was created.',
    value: (object) => object.metadata.creationTimestamp ?? null,
  },
];

/** Time since `timestamp` as people read it, `<unknown>` where there is none. */
export function age(timestamp: string | null | undefined, now: number): string {
  return timestamp ? humanDuration(now - Date.parse(timestamp)) : UNKNOWN;
}

/** `5s`, `2m5s`, `3h10m`, `47h`, `12d`, `2y30d`: coarser as it grows. Rule: apimachinery `duration.HumanDuration`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (hours < 192) return two(Math.trunc(hours / 24), 'd', hours % 24, 'h');
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24)}d`;
  const years = Math.trunc(hours / 24 / 365);
  if (hours < 24 * 365 * 8) return two(years, 'y', Math.trunc(hours / 24) % 365, 'd');
  return `${years}y`;
}

const two = (a: number, unitA: string, b: number, unitB: string): string =>
  b === 0 ? `${a}${unitA}` : `${a}${unitA}${b}${unitB}`;

/** `a=b,c=d` in key order. */
export function labels(map: Readonly<Record<string, string>> | null | undefined): string {
  const pairs = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? NONE : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?:
    | readonly {
        readonly key: string;
        readonly operator: string;
        readonly values?: readonly string[] | undefined;
      }[]
    | undefined;
}

/** A label selector in the syntax of `-l`. Rule: `metav1.FormatLabelSelector`. */
export function selector(of: Selector | null | undefined): string {
  if (!of) return NONE;
  const terms: { key: string; text: string }[] = Object.entries(of.matchLabels ?? {}).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }));
  for (const { key, operator, values } of of.matchExpressions ?? []) {
    const list = [...(values ?? [])].sort().join(',');
    if (operator === 'In') terms.push({ key, text: `${key} in (${list})` });
    else if (operator === 'NotIn') terms.push({ key, text: `${key} notin (${list})` });
    else terms.push({ key, text: operator === 'Exists' ? key : `!${key}` });
  }
  terms.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return terms.length === 0 ? NONE : terms.map((term) => term.text).join(',');
}

interface Template {
  readonly spec?:
    | { readonly containers?: readonly { readonly name: string; readonly image?: string | undefined }[] }
    | undefined;
}

/** The wide columns of whatever carries a pod template: container names and images. */
export function templateColumns<T extends KubeObject>(
  template: (object: T) => Template | null | undefined,
): readonly Column<T>[] {
  const containers = (object: T) => template(object)?.spec?.containers ?? [];
  return [
    wide('Containers', (o) =>
      containers(o)
        .map((c) => c.name)
        .join(','),
    ),
    wide('Images', (o) =>
      containers(o)
        .map((c) => c.image ?? '')
        .join(','),
    ),
  ];
}

/** A text column; shown always. */
export const text = <T extends KubeObject>(
  name: string,
  value: (object: T, now: number) => string,
  description = '',
): Column<T> => ({ name, type: 'string', description, value });

/** A text column for `-o wide`. */
export const wide = <T extends KubeObject>(
  name: string,
  value: (object: T, now: number) => string,
  description = '',
): Column<T> => ({ name, type: 'string', priority: 1, description, value });

/** A whole number; shown always. */
export const integer = <T extends KubeObject>(
  name: string,
  value: (object: T) => number | undefined,
  description = '',
): Column<T> => ({ name, type: 'integer', description, value: (object) => value(object) ?? 0 });

/** A yes-or-no column, printed as `true` and `false`. */
export const flag = <T extends KubeObject>(
  name: string,
  value: (object: T) => boolean | undefined,
  description = '',
): Column<T> => ({ name, type: 'boolean', description, value: (object) => value(object) ?? false });

/** `<unset>` where a value is absent. */
export const orUnset = (value: string | number | boolean | null | undefined): string =>
  value === undefined || value === null ? UNSET : String(value);

/** Joins, `<none>` for nothing. */
export const orNone = (values: readonly string[]): string => (values.length === 0 ? NONE : values.join(','));
