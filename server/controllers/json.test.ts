import { describe, expect, it } from 'vitest';
import { canonicalJson, equalJson, omitEmpty } from '#server/controllers/json.ts';

describe('equalJson', () => {
  it.each([
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{ a: null }, {}, true],
    [{}, { a: null }, true],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, true],
    [{ a: [1, 2] }, { a: [2, 1] }, false],
    [{ a: [] }, { a: {} }, false],
    [{ a: 1 }, {}, false],
    [{}, { a: 1 }, false],
    [{ a: '1' }, { a: 1 }, false],
    [undefined, {}, false],
  ])('%j and %j: %s', (a, b, equal) => {
    expect(equalJson(a, b)).toBe(equal);
  });
});

describe('canonicalJson', () => {
  it('sorts keys and leaves out what is absent', () => {
    expect(canonicalJson({ b: [1, null], a: { d: null, c: 'x' }, e: undefined })).toBe(
      '{"a":{"c":"x"},"b":[1,null]}',
    );
  });
});

describe('omitEmpty', () => {
  it('leaves out what Go leaves out', () => {
    expect(omitEmpty({ a: 0, b: '', c: false, d: [], e: undefined, f: 1 })).toEqual({ f: 1 });
  });
});
