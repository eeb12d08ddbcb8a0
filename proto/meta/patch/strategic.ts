import { isDeepStrictEqual } from 'node:util';
import { goFormat } from '#proto/meta/go-format.ts';
import { getOwn, isObject, type JsonObject, setOwn } from '#proto/meta/own-property.ts';
import { mergeList, orderAfterMerge, orderList } from '#proto/meta/patch/strategic-list.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import type { Field, Message, Schema, Type } from '#proto/schema/schema.ts';

/**
 * Strategic merge patch: objects merge, and lists of objects merge by the key that their field declares.
 * Directives: `$patch` (replace, delete), `$retainKeys`, `$setElementOrder/<list>`,
 * `$deleteFromPrimitiveList/<list>`. Rule: apimachinery `pkg/util/strategicpatch`.
 */
const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/';
const SET_ORDER = '$setElementOrder/';

/** The patched object; the inputs stay as they were. */
export function applyStrategicMergePatch(
  schema: Schema,
  message: Message,
  original: Readonly<JsonObject>,
  patch: Readonly<JsonObject>,
): JsonObject {
  return new StrategicMerge(schema).object(structuredClone(original), structuredClone(patch), {
    kind: 'message',
    message: message.id,
    pointer: false,
    go: message.name,
  });
}

/** How a field of an object merges. */
interface Strategy {
  readonly type: Type | undefined;
  readonly merge: boolean;
  readonly replace: boolean;
  readonly mergeKey: string | undefined;
}

class StrategicMerge {
  readonly #schema: Schema;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** Owns both arguments, and answers with a part of either. */
  object(original: JsonObject, patch: JsonObject, type: Type | undefined): JsonObject {
    if (Object.hasOwn(patch, DIRECTIVE)) return directed(patch);
    retainKeys(original, patch);
    this.#ordered(original, patch, type);
    for (const key of Object.keys(patch)) {
      const deletes = key.startsWith(DELETE_FROM_LIST);
      const name = deletes ? key.slice(DELETE_FROM_LIST.length) : key;
      const value = patch[key];
      const now = getOwn(original, name);
      if (value === null) delete original[name];
      else if (now === undefined || shape(now) !== shape(value)) {
        if (!deletes) keep(original, name, withoutNulls(value));
      } else if (isObject(now) && isObject(value)) {
        const strategy = this.#strategy(type, name);
        setOwn(original, name, strategy.replace ? value : this.object(now, value, strategy.type));
      } else if (Array.isArray(now) && Array.isArray(value)) {
        setOwn(original, name, this.#list(now, value, this.#strategy(type, name), deletes));
      } else keep(original, name, value);
    }
    return original;
  }

  #list(now: unknown[], value: unknown[], strategy: Strategy, deletes: boolean): unknown[] {
    if (deletes) return now.filter((item) => !value.some((gone) => isDeepStrictEqual(gone, item)));
    if (!strategy.merge) return value;
    return mergeList(now, value, strategy.mergeKey, (a, b) => this.object(a, b, itemType(strategy.type)));
  }

  /** The lists whose order the patch sets: merged, then put in that order around what only the server has. */
  #ordered(original: JsonObject, patch: JsonObject, type: Type | undefined): void {
    for (const key of Object.keys(patch).filter((k) => k.startsWith(SET_ORDER))) {
      const order = patch[key];
      delete patch[key];
      const name = key.slice(SET_ORDER.length);
      const now = getOwn(original, name);
      const value = getOwn(patch, name);
      if (!Array.isArray(order)) throw badArgument('[]interface {}', order);
      for (const list of [now, value])
        if (list !== undefined && !Array.isArray(list)) throw badArgument('[]interface {}', list);
      const strategy = this.#strategy(type, name);
      checkOrder((value as unknown[] | undefined) ?? [], order, strategy.mergeKey);
      const before = Array.isArray(now) ? now : [];
      let merged: unknown[];
      if (!Array.isArray(value)) {
        if (!Array.isArray(now)) continue;
        merged = now;
      } else if (Array.isArray(now)) merged = this.#list([...now], value, strategy, false);
      else merged = withoutDirectives(value) as unknown[];
      const rest = Array.isArray(value) ? orderAfterMerge(before, value, strategy.mergeKey) : before;
      setOwn(original, name, orderList(merged, order, rest, strategy.mergeKey));
      delete patch[name];
    }
  }

  #strategy(type: Type | undefined, name: string): Strategy {
    const none = { merge: false, replace: false, mergeKey: undefined };
    if (type?.kind === 'map') return { ...none, type: type.items };
    if (type?.kind !== 'message') return { ...none, type: undefined };
    const message = this.#schema.message(type.message);
    const field: Field | undefined = message.properties.get(name);
    if (!field)
      throw badRequest(
        `unable to find api field in struct ${message.name} for the json field ${JSON.stringify(name)}`,
      );
    return {
      type: field.type,
      merge: field.patchStrategy.includes('merge'),
      replace: field.patchStrategy.includes('replace'),
      mergeKey: field.patchMergeKey,
    };
  }
}

const itemType = (type: Type | undefined): Type | undefined =>
  type?.kind === 'list' ? type.items : undefined;

const shape = (value: unknown): string =>
  Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value;

const badArgument = (want: string, got: unknown): Error =>
  badRequest(`expected a ${want}, but received a ${shape(got)}`);

function directed(patch: JsonObject): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'delete') return {};
  if (directive !== 'replace')
    throw badRequest(`unknown patch type: ${directive} in map: ${goFormat(patch)}`);
  delete patch[DIRECTIVE];
  return patch;
}

/** `$retainKeys` names all fields that may stay; the patch may set no others. */
function retainKeys(original: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return;
  const list = patch[RETAIN_KEYS];
  delete patch[RETAIN_KEYS];
  const bad = badRequest('invalid patch format of retainKeys');
  if (!Array.isArray(list)) throw bad;
  for (const key of Object.keys(patch)) {
    if (patch[key] === null || key.startsWith(DELETE_FROM_LIST) || key.startsWith(SET_ORDER)) continue;
    if (!list.includes(key)) throw bad;
  }
  for (const key of Object.keys(original)) if (!list.includes(key)) delete original[key];
}

/** The items of the patch must stand in the order that the patch sets. */
function checkOrder(
  value: readonly unknown[],
  order: readonly unknown[],
  mergeKey: string | undefined,
): void {
  if (order.length === 0 || value.length === 0) return;
  const same = (a: unknown, b: unknown): boolean => {
    if (mergeKey === undefined) return isDeepStrictEqual(a, b);
    for (const item of [a, b]) {
      if (!isObject(item)) throw badArgument('map[string]interface {}', item);
      if (!Object.hasOwn(item, mergeKey))
        throw badRequest(`map: ${goFormat(item)} does not contain declared merge key: ${mergeKey}`);
    }
    return isDeepStrictEqual((a as JsonObject)[mergeKey], (b as JsonObject)[mergeKey]);
  };
  let at = 0;
  for (const item of value) {
    if (isObject(item) && Object.hasOwn(item, DIRECTIVE)) continue;
    while (at < order.length && !same(item, order[at])) at++;
    if (at++ >= order.length)
      throw badRequest(
        `The order in patch list:\n${goFormat(value)}\n doesn't match $setElementOrder list:\n${goFormat(order)}\n`,
      );
  }
}

/** Sets what is left of a value without its directives; an object that is a directive itself sets nothing. */
function keep(object: JsonObject, key: string, value: unknown): void {
  const left = withoutDirectives(value);
  if (left === undefined) delete object[key];
  else setOwn(object, key, left);
}

function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  for (const key of Object.keys(value)) keep(value, key, value[key]);
  return value;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) value.forEach(withoutNulls);
  else if (isObject(value))
    for (const key of Object.keys(value))
      if (value[key] === null) delete value[key];
      else withoutNulls(value[key]);
  return value;
}
