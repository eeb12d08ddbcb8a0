import { describe, expect, it } from 'vitest';
import { decodeObject } from '#proto/meta/decode/decode-object.ts';
import { decodeProtobuf, encodeProtobuf } from '#proto/meta/protobuf/envelope.ts';
import { schema } from '#proto/schema/schema.ts';
import { goldenObjects } from '#test/support/golden-data.ts';

/** Upstream's golden objects have every field set: the codec must read and write each byte of them. */
const served = goldenObjects().filter(({ json }) => {
  const { apiVersion = '', kind } = JSON.parse(json) as { apiVersion?: string; kind: string };
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return apiVersion !== '' && schema.kind({ group, version, kind }) !== undefined;
});

describe('golden objects', () => {
  it('cover every kind that is served', () => {
    expect(served.length).toBeGreaterThanOrEqual(90);
  });

  it.each(served)('$name from protobuf', ({ json, protobuf }) => {
    expect(decodeProtobuf(protobuf)).toEqual(JSON.parse(json));
  });

  it.each(served)('$name to protobuf', ({ json, protobuf }) => {
    expect(Buffer.from(encodeProtobuf(JSON.parse(json))).equals(protobuf)).toBe(true);
  });
});

describe('golden bodies', () => {
  it.each(served)('$name decodes strictly to itself', ({ json }) => {
    const want = JSON.parse(json) as { apiVersion: string; kind: string };
    const [version = '', group = ''] = want.apiVersion.split('/').reverse();
    const resource = { group, version, kind: want.kind };
    const body = new TextEncoder().encode(json);
    const { object } = decodeObject(body, 'application/json', { resource, fieldValidation: 'Strict' });
    expect(object).toEqual(want);
  });
});
