import { type CelType, DYN } from '#server/cel/type.ts';

/** What type variables stand for, by name. Rule for all of this: cel-go `checker/types.go`. */
export type Substitutions = ReadonlyMap<string, CelType>;

/** The substitutions under which a value of type `from` may stand where `to` is asked for; undefined where it may not. */
export function assign(known: Substitutions, to: CelType, from: CelType): Substitutions | undefined {
  return assignAll(known, [to], [from]);
}

export function assignAll(
  known: Substitutions,
  to: readonly CelType[],
  from: readonly CelType[],
): Substitutions | undefined {
  const attempt = new Map(known);
  return isAssignableList(attempt, to, from) ? attempt : undefined;
}

type Draft = Map<string, CelType>;

const isAssignableList = (draft: Draft, a: readonly CelType[], b: readonly CelType[]): boolean =>
  a.length === b.length && a.every((type, i) => isAssignable(draft, type, b[i] as CelType));

function isAssignable(draft: Draft, a: CelType, b: CelType): boolean {
  if (b.kind === 'param') {
    const [isValid, isBound] = substitutes(draft, a, b);
    if (isValid) return true;
    if (isBound) return false;
  }
  if (a.kind === 'param') return substitutes(draft, b, a)[0];
  if (isDynOrError(a) || isDynOrError(b)) return true;
  if (a.kind === 'null') return isNullable(b);
  if (b.kind === 'null') return isNullable(a);
  switch (a.kind) {
    case 'list':
      return b.kind === 'list' && isAssignable(draft, a.items, b.items);
    case 'map':
      return (
        b.kind === 'map' && isAssignable(draft, a.keys, b.keys) && isAssignable(draft, a.values, b.values)
      );
    case 'opaque':
      return b.kind === 'opaque' && a.name === b.name && isAssignableList(draft, a.params, b.params);
    case 'object':
      return b.kind === 'object' && a.name === b.name;
    default:
      return a.kind === b.kind;
  }
}

const isNullable = ({ kind }: CelType): boolean =>
  kind === 'null' || kind === 'opaque' || kind === 'object' || kind === 'duration' || kind === 'timestamp';

/** May `type` stand for `param`? And did the parameter stand for something already? */
function substitutes(
  draft: Draft,
  type: CelType,
  param: Extract<CelType, { kind: 'param' }>,
): readonly [isValid: boolean, isBound: boolean] {
  if (type.kind === 'param' && type.name === param.name) return [true, true];
  const bound = draft.get(param.name);
  if (bound) {
    if (isSameType(type, bound)) return [true, true];
    if (!isAssignable(draft, type, bound)) return [false, true];
    const general = mostGeneral(type, bound);
    if (isFree(draft, param.name, general)) draft.set(param.name, general);
    return [true, true];
  }
  if (!isFree(draft, param.name, type)) return [false, false];
  draft.set(param.name, type);
  return [true, false];
}

/** A type that holds the parameter itself would never end. */
function isFree(draft: Draft, param: string, within: CelType): boolean {
  switch (within.kind) {
    case 'param': {
      if (within.name === param) return false;
      const bound = draft.get(within.name);
      return bound === undefined || isFree(draft, param, bound);
    }
    case 'list':
      return isFree(draft, param, within.items);
    case 'map':
      return isFree(draft, param, within.keys) && isFree(draft, param, within.values);
    case 'opaque':
      return within.params.every((type) => isFree(draft, param, type));
    case 'type':
      return isFree(draft, param, within.of);
    default:
      return true;
  }
}

export const isDyn = ({ kind }: CelType): boolean => kind === 'dyn';
export const isDynOrError = ({ kind }: CelType): boolean => kind === 'dyn' || kind === 'error';

/** The less specific of two types that are assignable to each other. */
export const mostGeneral = (a: CelType, b: CelType): CelType => (isLessSpecific(a, b) ? a : b);

function isLessSpecific(a: CelType, b: CelType): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param' || a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'list':
      return b.kind === 'list' && isLessSpecific(a.items, b.items);
    case 'map':
      return b.kind === 'map' && isLessSpecific(a.keys, b.keys) && isLessSpecific(a.values, b.values);
    case 'opaque':
      return (
        b.kind === 'opaque' &&
        a.name === b.name &&
        a.params.length === b.params.length &&
        a.params.every((type, i) => isLessSpecific(type, b.params[i] as CelType))
      );
    case 'type':
      return true;
    default:
      return isSameType(a, b);
  }
}

export function isSameType(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case 'list':
      return b.kind === 'list' && isSameType(a.items, b.items);
    case 'map':
      return b.kind === 'map' && isSameType(a.keys, b.keys) && isSameType(a.values, b.values);
    case 'object':
    case 'param':
      return b.kind === a.kind && b.name === a.name;
    case 'opaque':
      return (
        b.kind === 'opaque' &&
        a.name === b.name &&
        a.params.length === b.params.length &&
        a.params.every((type, i) => isSameType(type, b.params[i] as CelType))
      );
    case 'type':
      return b.kind === 'type' && isSameType(a.of, b.of);
    default:
      return a.kind === b.kind;
  }
}

/** The type with its variables replaced by what they stand for; the free ones become `dyn` if `isFinal`. */
export function substitute(known: Substitutions, type: CelType, isFinal: boolean): CelType {
  switch (type.kind) {
    case 'param': {
      const bound = known.get(type.name);
      if (bound) return substitute(known, bound, isFinal);
      return isFinal ? DYN : type;
    }
    case 'list': {
      const items = substitute(known, type.items, isFinal);
      return items === type.items ? type : { ...type, items };
    }
    case 'map':
      return {
        kind: 'map',
        keys: substitute(known, type.keys, isFinal),
        values: substitute(known, type.values, isFinal),
      };
    case 'opaque':
      return type.params.length === 0
        ? type
        : { ...type, params: type.params.map((param) => substitute(known, param, isFinal)) };
    case 'type':
      return { kind: 'type', of: substitute(known, type.of, isFinal) };
    default:
      return type;
  }
}
