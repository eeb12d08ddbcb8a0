import { expect, it } from 'vitest';
import { schema } from '#proto/schema/schema.ts';

it.each(['constructor', 'toString', 'valueOf', '__proto__', 'hasOwnProperty'])('has no kind %s', (kind) => {
  expect(schema.kind({ group: '', version: 'v1', kind })).toBeUndefined();
  expect(() => schema.message(`core/v1.${kind}`)).toThrow(`no schema for core/v1.${kind}`);
});
