import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import { type Family, family, type LabelValues, type MetricType } from '#proto/metrics/exposition.ts';

/** A sample beyond the labels that every series of the kind has. */
export type StateSample = readonly [value: number, ...more: LabelValues];

/** One family of a kind: what it says of one object, `undefined` for nothing. */
export interface StateFamily<T> {
  /** Without the kind's prefix: `status_phase`. */
  readonly name: string;
  readonly help: string;
  readonly type?: MetricType;
  /** Labels beyond those of the kind. */
  readonly labels?: readonly string[];
  /** A method, so that families of Pods stand in one list with those of Nodes. */
  read(object: T): number | undefined | readonly StateSample[];
}

/** A kind as kube-state-metrics shows it: names and labels are what dashboards already ask for. */
export interface StateKind<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  /** `kube_pod_`. */
  readonly prefix: string;
  readonly labels: readonly string[];
  values(object: T): LabelValues;
  readonly families: readonly StateFamily<T>[];
}

/** Ties the families to their type, and gives it up. */
export const stateKind = <T extends KubeObject>(kind: StateKind<T>): StateKind =>
  kind as unknown as StateKind;

/** The families of a kind over these objects. */
export function* familiesOf(kind: StateKind, objects: readonly KubeObject[]): Generator<Family> {
  for (const { name, help, type = 'gauge', labels = [], read } of kind.families)
    yield family(kind.prefix + name, type, help, [...kind.labels, ...labels], function* () {
      for (const object of objects) {
        const found = read(object);
        if (found === undefined) continue;
        const values = kind.values(object);
        if (typeof found === 'number') yield [values, found];
        else for (const [value, ...more] of found) yield [[...values, ...more], value];
      }
    });
}

/** Seconds since 1970. */
export const seconds = (text: string | null | undefined): number | undefined =>
  text ? Date.parse(text) / 1000 : undefined;

/** One series a state, 1 for the one that holds. */
export const oneOf = (states: readonly string[], current: string | undefined): StateSample[] =>
  current === undefined ? [] : states.map((state) => [Number(state === current), state]);

interface Conditioned {
  readonly type: string;
  readonly status: string;
}

/** Three series a condition: `true`, `false`, `unknown`. */
export const conditionSamples = (conditions: readonly Conditioned[] | undefined): StateSample[] =>
  (conditions ?? []).flatMap(({ type, status }) =>
    ['true', 'false', 'unknown'].map(
      (value): StateSample => [Number(status.toLowerCase() === value), type, value],
    ),
  );

/** A family of one condition: `true`, `false`, `unknown`. */
export const conditionFamily = (
  name: string,
  type: string,
  help: string,
): StateFamily<{ status?: { conditions?: readonly Conditioned[] | undefined } | undefined }> => ({
  name,
  help,
  labels: ['condition'],
  read: ({ status }) => {
    const found = status?.conditions?.find((one) => one.type === type);
    return found ? oneOf(['true', 'false', 'unknown'], found.status.toLowerCase()) : [];
  },
});

type Amounts = Readonly<Record<string, string>>;

/** With the unit that kube-state-metrics gives a resource, and the amount in it. */
export const amountSamples = (amounts: Amounts | undefined): StateSample[] =>
  Object.entries(amounts ?? {}).map(([resource, quantity]) => [
    resource === 'cpu' ? milliValue(quantity) / 1000 : quantityValue(quantity),
    resource.replace(/[^a-zA-Z0-9]/g, '_'),
    unitOf(resource),
  ]);

function unitOf(resource: string): string {
  if (resource === 'cpu') return 'core';
  if (/memory|storage|hugepages/.test(resource)) return 'byte';
  return 'integer';
}

/** `created`, which every kind has. */
export const created = (what: string): StateFamily<KubeObject> => ({
  name: 'created',
  help: `When the ${what} was created, in seconds since 1970.`,
  read: ({ metadata }) => seconds(metadata.creationTimestamp),
});

/** A number that the object holds; none where it holds none. */
export const numberOf = <T>(
  name: string,
  help: string,
  read: (object: T) => number | undefined,
): StateFamily<T> => ({
  name,
  help,
  read,
});

export const NAMESPACED = (what: string): readonly string[] => ['namespace', what];
export const namespacedValues = ({ metadata }: KubeObject): LabelValues => [
  metadata.namespace ?? '',
  metadata.name ?? '',
];
