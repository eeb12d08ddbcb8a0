import { isDeepStrictEqual } from 'node:util';
import { isObject, setOwn } from '#proto/meta/own-property.ts';
import { unprocessable } from '#proto/meta/patch/patch-error.ts';
import { badRequest, StatusError } from '#proto/meta/status-error.ts';

/**
 * JSON Patch, RFC 6902, on plain JSON: names from outside never reach a prototype, and what `copy` can
 * multiply is bounded.
 */
export interface Operation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

const OPERATIONS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);
const MAX_OPERATIONS = 10_000;
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

/** The operations of a parsed body; 400 when it is no patch, 413 when there are too many. */
export function readJsonPatch(value: unknown): readonly Operation[] {
  if (!Array.isArray(value))
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${isObject(value) ? 'object' : typeof value} into Go value of type []handlers.jsonPatchOp`,
    );
  if (value.length > MAX_OPERATIONS)
    throw new StatusError(
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${value.length}`,
    );
  for (const item of value)
    if (!isObject(item))
      throw badRequest('json: cannot unmarshal an operation of a JSON patch that is not an object');
  return value as Operation[];
}

/** The patched object; the input stays as it was. */
export function applyJsonPatch(object: unknown, operations: readonly Operation[]): unknown {
  const root = { '': structuredClone(object) };
  let copied = 0;
  for (const operation of operations) {
    const { op, path, from } = operation;
    if (!OPERATIONS.has(op)) throw unprocessable(`Unexpected kind: ${op}`);
    const target = pointer(path);
    if (op === 'move' || op === 'copy') {
      const source = pointer(from);
      const value = read(place(root, source, op, from));
      if (op === 'move') {
        if (target.length > source.length && source.every((part, i) => part === target[i]))
          throw unprocessable(`${op} operation moves ${from} into itself`);
        remove(place(root, source, op, from));
        add(place(root, target, op, path), value);
      } else {
        copied += JSON.stringify(value)?.length ?? 0;
        if (copied > MAX_COPIED_BYTES)
          throw unprocessable('the accumulated copy size of the patch is too large');
        add(place(root, target, op, path), structuredClone(value));
      }
      continue;
    }
    const found = place(root, target, op, path);
    if (op === 'remove') remove(found);
    else if (op === 'test') test(found, operation);
    else {
      if (!Object.hasOwn(operation, 'value')) throw unprocessable(`${op} operation has no value: ${path}`);
      if (op === 'replace') makeRoom(found);
      add(found, structuredClone(operation.value));
    }
  }
  return root[''];
}

/** The reference tokens, the empty one of the root first. */
function pointer(path: unknown): string[] {
  if (typeof path !== 'string') throw unprocessable('an operation of the patch lacks a path');
  if (path !== '' && !path.startsWith('/')) throw unprocessable(`invalid JSON pointer: ${path}`);
  return path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

type Container = Record<string, unknown> | unknown[];

/** Where an operation is at work. */
interface Place {
  readonly op: string;
  readonly path: unknown;
  readonly parent: Container;
  readonly key: string;
}

function place(root: Container, tokens: readonly string[], op: string, path: unknown): Place {
  let parent: Container = root;
  for (const token of tokens.slice(0, -1)) {
    const next = child(parent, token);
    if (!Array.isArray(next) && !isObject(next))
      throw unprocessable(`${op} operation does not apply: doc is missing path: "${path}": missing value`);
    parent = next;
  }
  return { op, path, parent, key: tokens.at(-1) ?? '' };
}

function child(parent: Container, token: string): unknown {
  if (!Array.isArray(parent)) return Object.hasOwn(parent, token) ? parent[token] : undefined;
  const index = indexOf(token, parent.length);
  return index === undefined ? undefined : parent[index];
}

/** Upstream's library counts from the end, too. */
function indexOf(token: string, length: number): number | undefined {
  if (!/^-?(0|[1-9][0-9]{0,9})$/.test(token)) return undefined;
  const index = Number(token) < 0 ? Number(token) + length : Number(token);
  return index >= 0 && index < length ? index : undefined;
}

function read(at: Place): unknown {
  const value = child(at.parent, at.key);
  if (value === undefined) throw missing(at);
  return value;
}

function add(at: Place, value: unknown): void {
  const { parent, key } = at;
  if (!Array.isArray(parent)) {
    setOwn(parent, key, value);
    return;
  }
  const index = key === '-' ? parent.length : indexOf(key, parent.length + 1);
  if (index === undefined) throw missing(at);
  parent.splice(index, 0, value);
}

function remove(at: Place): void {
  const { parent, key } = at;
  read(at);
  if (Array.isArray(parent)) parent.splice(indexOf(key, parent.length) ?? parent.length, 1);
  else delete parent[key];
}

/** For what takes an item's place. A field need not have been there: upstream's library does not look. */
function makeRoom(at: Place): void {
  if (!Array.isArray(at.parent)) return;
  if (child(at.parent, at.key) === undefined)
    throw unprocessable(`replace operation does not apply: doc is missing key: ${at.path}: missing value`);
  remove(at);
}

function test({ parent, key }: Place, { path, value = null }: Operation): void {
  if (!isDeepStrictEqual(child(parent, key) ?? null, value))
    throw unprocessable(`testing value ${path} failed: test failed`);
}

function missing({ op, path, parent, key }: Place): StatusError {
  const why = Array.isArray(parent)
    ? `Unable to access invalid index: ${key}: invalid index referenced`
    : `Unable to remove nonexistent key: ${key}: missing value`;
  return unprocessable(`error in ${op} for path: '${path}': ${why}`);
}
