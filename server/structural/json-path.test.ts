import { describe, expect, test } from 'vitest';
import { evaluateJsonPath, parseJsonPath } from '#server/structural/json-path.ts';

const OBJECT = {
  spec: { replicas: 2, 'a.b': 'dotted', list: [1, 2, 3, 4], map: { x: 1, y: 2 } },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Synced', status: 'False' },
    ],
  },
};

describe('a JSONPath', () => {
  test.each<[string, unknown[]]>([
    ['.spec.replicas', [2]],
    ['$.spec.replicas', [2]],
    ['.spec.missing.deeper', []],
    ["['spec'].replicas", [2]],
    ['.spec.a\\.b', ['dotted']],
    ['.spec.list[0]', [1]],
    ['.spec.list[-1]', [4]],
    ['.spec.list[1:3]', [2, 3]],
    ['.spec.list[*]', [1, 2, 3, 4]],
    ['.spec.list[::2]', [1, 3]],
    ['.spec.list[0,2]', [1, 3]],
    ['.spec.map.*', [1, 2]],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    ["..conditions[?(@.status=='False')].type", ['Synced']],
    ['.status.conditions[?(@.nothing)].status', []],
    ['.status.conditions[*].type', ['Ready', 'Synced']],
  ])('%s', (path, expected) => {
    expect(evaluateJsonPath(parseJsonPath(path), OBJECT)).toEqual(expected);
  });

  test.each([
    ['.a[', 'unterminated array'],
    ['.a[x]', 'invalid array index x'],
    ['.a[?(@.b', 'unterminated filter'],
    ['.a.....b', 'invalid multiple recursive descent'],
    ['!', 'unrecognized character in action: !'],
    ["'a", 'unterminated quoted string'],
  ])('%s is refused', (path, message) => {
    expect(() => parseJsonPath(path)).toThrow(message);
  });

  test('an index out of bounds and a field that is no list are told', () => {
    expect(() => evaluateJsonPath(parseJsonPath('.spec.list[9]'), OBJECT)).toThrow(
      'array index out of bounds',
    );
    expect(() => evaluateJsonPath(parseJsonPath('.spec.map[0]'), OBJECT)).toThrow('not array or slice');
  });
});
