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
      const value = read(root, source);
      if (op === 'move') {
        if (target.length > source.length && source.every((part, i) => part === target[i]))
          throw unprocessable(`${op} operation moves ${from} into itself`);
        remove(root, source);
        add(root, target, value);
      } else {
        copied += JSON.stringify(value)?.length ?? 0;
        if (copied > MAX_COPIED_BYTES)
          throw unprocessable('the accumulated copy size of the patch is too large');
        add(root, target, structuredClone(value));
      }
      continue;
    }
    if (op === 'remove') remove(root, target);
    else if (op === 'test') test(root, target, operation);
    else {
      if (!Object.hasOwn(operation, 'value')) throw unprocessable(`${op} operation has no value: ${path}`);
      if (op === 'replace') makeRoom(root, target);
      add(root, target, structuredClone(operation.value));
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

function parentOf(root: Container, tokens: readonly string[]): { parent: Container; key: string } {
  let parent: Container = root;
  for (const token of tokens.slice(0, -1)) {
    const next = child(parent, token);
    if (!Array.isArray(next) && !isObject(next)) throw missing(tokens);
    parent = next;
  }
  return { parent, key: tokens.at(-1) ?? '' };
}

function child(parent: Container, token: string): unknown {
  if (!Array.isArray(parent)) return Object.hasOwn(parent, token) ? parent[token] : undefined;
  const index = indexOf(token, parent.length - 1);
  return index === undefined ? undefined : parent[index];
}

function indexOf(token: string, last: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,9})$/.test(token)) return undefined;
  return Number(token) <= last ? Number(token) : undefined;
}

function read(root: Container, tokens: readonly string[]): unknown {
  const { parent, key } = parentOf(root, tokens);
  const value = child(parent, key);
  if (value === undefined) throw missing(tokens);
  return value;
}

function add(root: Container, tokens: readonly string[], value: unknown): void {
  const { parent, key } = parentOf(root, tokens);
  if (!Array.isArray(parent)) {
    setOwn(parent, key, value);
    return;
  }
  const index = key === '-' ? parent.length : indexOf(key, parent.length);
  if (index === undefined) throw missing(tokens);
  parent.splice(index, 0, value);
}

function remove(root: Container, tokens: readonly string[]): void {
  const { parent, key } = parentOf(root, tokens);
  if (child(parent, key) === undefined) throw missing(tokens);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}

/** For what takes an item's place. A field need not have been there: upstream's library does not look. */
function makeRoom(root: Container, tokens: readonly string[]): void {
  const { parent } = parentOf(root, tokens);
  if (Array.isArray(parent)) remove(root, tokens);
}

function test(root: Container, tokens: readonly string[], { path, value = null }: Operation): void {
  const { parent, key } = parentOf(root, tokens);
  if (!isDeepStrictEqual(child(parent, key) ?? null, value))
    throw unprocessable(`testing value ${path} failed: test failed`);
}

const missing = (tokens: readonly string[]): StatusError =>
  unprocessable(`doc is missing path: ${tokens.join('/')}: missing value`);
