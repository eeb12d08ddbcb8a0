import { isSameType } from '#server/cel/assign.ts';
import { check } from '#server/cel/checker.ts';
import type { CelEngine, CelEnvironment, CelProgram, Compiled } from '#server/cel/engine.ts';
import { estimateCost } from '#server/cel/estimate.ts';
import { FunctionTable } from '#server/cel/functions.ts';
import { fromJson, LazyMap, toJson } from '#server/cel/json.ts';
import { addresses } from '#server/cel/library/addresses.ts';
import { authorization, createAuthorizer } from '#server/cel/library/authorizer.ts';
import { conversions } from '#server/cel/library/conversions.ts';
import { formats } from '#server/cel/library/formats.ts';
import { lists } from '#server/cel/library/lists.ts';
import { mutation, mutationProblem, mutationType } from '#server/cel/library/mutation.ts';
import { operators } from '#server/cel/library/operators.ts';
import { quantities } from '#server/cel/library/quantities.ts';
import { regexes } from '#server/cel/library/regex.ts';
import { semvers } from '#server/cel/library/semver.ts';
import { strings } from '#server/cel/library/strings.ts';
import { times } from '#server/cel/library/times.ts';
import { urls } from '#server/cel/library/urls.ts';
import { checkLiterals } from '#server/cel/literal-checks.ts';
import { parse } from '#server/cel/parser.ts';
import { type Plan, planExpression } from '#server/cel/planner.ts';
import { OverBudget, type RegexMemo, Run } from '#server/cel/run.ts';
import { sizesOfSchema } from '#server/cel/schema-size.ts';
import { typeOfSchema } from '#server/cel/schema-type.ts';
import { formatIssues, type Issue } from '#server/cel/source.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  formatType,
  INT,
  listOf,
  mapOf,
  NULL,
  opaque,
  optionalOf,
  STRING,
  TIMESTAMP,
  typeOf,
  UINT,
} from '#server/cel/type.ts';
import { CelOptional, Fault, runtimeName } from '#server/cel/value.ts';

/**
 * Kubernetes' CEL, our own. The one library that came near, @marcbachmann/cel-js 8, evaluated 22 of 26 expressions of
 * Kubernetes' documentation, has no budget at run time (a loop of 2000 x 2000 held the process for 374 ms), no macros
 * with two variables and a `matches` that backtracks and can't be replaced; what a checker says is what users read,
 * too. This bundle is loaded when the first expression appears.
 */
const BASE = [
  operators,
  conversions,
  times,
  strings,
  lists,
  regexes,
  urls,
  quantities,
  addresses,
  semvers,
  formats,
  authorization,
];

const TYPES: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ['bool', BOOL],
  ['bytes', BYTES],
  ['double', DOUBLE],
  ['google.protobuf.Duration', DURATION],
  ['dyn', DYN],
  ['int', INT],
  ['list', listOf(DYN)],
  ['map', mapOf(DYN, DYN)],
  ['null_type', NULL],
  ['string', STRING],
  ['google.protobuf.Timestamp', TIMESTAMP],
  ['type', typeOf(DYN)],
  ['uint', UINT],
  ['optional_type', optionalOf(DYN)],
  ['net.IP', opaque('net.IP')],
  ['net.CIDR', opaque('net.CIDR')],
]);

const base = new FunctionTable(BASE);
const mutating = new FunctionTable([...BASE, mutation]);

function compile(source: string, environment: CelEnvironment): Compiled {
  const failed = (issues: readonly Issue[]): Compiled => {
    const text = formatIssues(source, issues);
    return { problem: `compilation failed: ${text}`, issues: text };
  };
  const parsed = parse(source);
  if ('issues' in parsed) return failed(parsed.issues);
  const checked = check(parsed.expr, {
    variables: new Map(Object.entries(environment.variables)),
    functions: environment.mutation ? mutating : base,
    findType: (name) => TYPES.get(name) ?? (environment.mutation ? mutationType(name) : undefined),
  });
  const issues = checked.issues.length > 0 ? checked.issues : checkLiterals(parsed.expr, checked.typeOf);
  if (issues.length > 0) return failed(issues);
  const { result } = environment;
  if (result && !result.some((type) => type.kind === 'dyn' || isSameType(type, checked.resultType)))
    return { problem: wrongResult(result, checked.resultType) };
  const variables = new Set<string>();
  for (const reference of checked.references.values())
    if (reference.kind === 'variable' && !reference.isLocal) variables.add(reference.name);
  const plan = planExpression(parsed.expr, checked.references);
  // Upstream computes constants first, and says so.
  if (plan instanceof Fault) return { problem: `program instantiation failed: ${plan.fault}` };
  const { sizes } = environment;
  const maxCost = sizes && estimateCost(parsed.expr, checked, sizes);
  return { program: new Program(source, checked.resultType, variables, plan, maxCost) };
}

function wrongResult(expected: readonly CelType[], found: CelType): string {
  const what =
    expected.length === 1
      ? outputName(expected[0] as CelType)
      : `one of [${expected.map(outputName).join(' ')}]`;
  return `must evaluate to ${what} but got ${outputName(found)}`;
}

/** Here upstream prints the names that types have at run time. */
const outputName = (type: CelType): string =>
  type.kind === 'null' || type.kind === 'timestamp' || type.kind === 'duration'
    ? runtimeName(type)
    : formatType(type);

class Program implements CelProgram {
  readonly source: string;
  readonly resultType: CelType;
  readonly variables: ReadonlySet<string>;
  readonly maxCost: number | undefined;
  readonly #plan: Plan;
  readonly #regexes: RegexMemo = new Map();

  constructor(
    source: string,
    resultType: CelType,
    variables: ReadonlySet<string>,
    plan: Plan,
    maxCost: number | undefined,
  ) {
    this.maxCost = maxCost;
    this.source = source;
    this.resultType = resultType;
    this.variables = variables;
    this.#plan = plan;
  }

  evaluate(
    ...[bindings, { costLimit }]: Parameters<CelProgram['evaluate']>
  ): ReturnType<CelProgram['evaluate']> {
    const run = new Run(bindings, costLimit, this.#regexes);
    try {
      const value = this.#plan(run);
      return value instanceof Fault
        ? { error: value.fault, cost: run.cost, isOverBudget: false }
        : { value, cost: run.cost };
    } catch (err) {
      if (err instanceof OverBudget) return { error: err.message, cost: run.cost, isOverBudget: true };
      // Values nest as deep as a body may: what recurses over them can run out of stack.
      if (err instanceof RangeError)
        return { error: 'operation cancelled: values nest too deeply', cost: run.cost, isOverBudget: true };
      throw err;
    }
  }
}

export const cel: CelEngine = {
  compile,
  fromJson,
  toJson,
  optional: (value) => (value === undefined ? CelOptional.none : new CelOptional(value)),
  lazyObject: (type, read) =>
    new LazyMap(type, (field) => {
      const value = read(field);
      return typeof value === 'object' && value !== null && 'fault' in value ? new Fault(value.fault) : value;
    }),
  typeOfSchema: (schema, options) => typeOfSchema(schema, options?.isResourceRoot),
  sizesOfSchema: (schema, options) => sizesOfSchema(schema, options?.isResourceRoot),
  mutationProblem,
  authorizer: createAuthorizer,
  AUTHORIZER: opaque('kubernetes.authorization.Authorizer'),
  RESOURCE_CHECK: opaque('kubernetes.authorization.ResourceCheck'),
  PER_CALL_LIMIT: 1_000_000,
};
