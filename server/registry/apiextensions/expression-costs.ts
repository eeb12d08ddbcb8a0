import { type FieldError, forbiddenField } from '#proto/meta/field-error.ts';
import type { Structural } from '#server/structural/schema.ts';

const EXPRESSION_LIMIT = 10_000_000;
const DEFINITION_LIMIT = 100_000_000;
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
/** Expressions that take less of the limit than this are not told. */
const WORTH_TELLING = DEFINITION_LIMIT / 100;
const MOST_TOLD = 4;

/** How many values of one schema an object can hold; undefined where the schemas around it set no bound. */
export type Cardinality = number | undefined;

/** For what is directly inside of a schema of which there are so many. Rule: `validation.CELSchemaContext`. */
export function innerCardinality(schema: Structural, cardinality: Cardinality): Cardinality {
  if (cardinality === undefined) return undefined;
  const { type, maxItems, maxProperties } = schema;
  const isMap = type === 'object' && schema.additionalProperties !== undefined;
  const most = type === 'array' ? maxItems : isMap ? maxProperties : 1;
  return most === undefined ? undefined : cardinality * Math.max(most, 0);
}

/** What the expressions of a schema cost at most, all together. Rule: `validation.TotalCost`. */
export class ExpressionCosts {
  #total = 0;
  readonly #told: { readonly path: string; readonly cost: number }[] = [];
  readonly #pardons: boolean;

  /** Of a schema that is as it was, expressions are not told one by one. */
  constructor(pardons: boolean) {
    this.#pardons = pardons;
  }

  observeRule(path: string, cost: number, minBytes: number, cardinality: Cardinality): FieldError[] {
    const times = cardinality ?? Math.floor(MAX_REQUEST_BYTES / (minBytes + 1));
    return this.#observe(path, 'rule', cost === 0 ? 0 : cost * times);
  }

  observeMessage(path: string, cost: number): FieldError[] {
    return this.#observe(path, 'messageExpression', cost);
  }

  #observe(path: string, what: string, cost: number): FieldError[] {
    const at = `${path}.${what}`;
    this.#total += cost;
    if (cost >= WORTH_TELLING) this.#told.push({ path: at, cost });
    if (this.#pardons || cost <= EXPRESSION_LIMIT) return [];
    return [forbiddenField(at, exceeds(`estimated ${what} cost`, cost, EXPRESSION_LIMIT))];
  }

  /** `path` is that of the whole schema. */
  verdict(path: string): FieldError[] {
    if (this.#total <= DEFINITION_LIMIT) return [];
    const told = [...this.#told]
      .sort((a, b) => (a.cost === b.cost ? 0 : b.cost - a.cost))
      .slice(0, MOST_TOLD);
    const each = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    const all = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    return [
      ...told.map((one) => forbiddenField(one.path, each)),
      forbiddenField(path, exceeds(all, this.#total, DEFINITION_LIMIT)),
    ];
  }
}

function exceeds(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown = factor > 100 ? 'more than 100' : factor.toFixed(factor < 1.5 ? 6 : 1);
  return `${what} exceeds budget by factor of ${shown}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
