import { describe, expect, test } from 'vitest';
import { negotiate } from '#server/apiserver/http/negotiate.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

describe('negotiate', () => {
  test.each<[string | undefined, boolean, object]>([
    [undefined, true, { media: 'application/json', as: 'object' }],
    ['*/*', true, { media: 'application/json', as: 'object' }],
    ['application/vnd.kubernetes.protobuf, application/json', true, { as: 'object' }],
    ['application/vnd.kubernetes.protobuf, */*', true, { media: 'application/json' }],
    [`${TABLE},application/json`, true, { as: 'table', version: 'v1' }],
    [`${TABLE},application/json`, false, { as: 'object' }],
    ['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', true, { as: 'metadata' }],
    ['application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', true, { as: 'metadata-list' }],
    ['application/yaml', true, { media: 'application/yaml' }],
    ['application/json;q=0.1,application/yaml', true, { media: 'application/yaml' }],
  ])('%s', (accept, transforms, form) => {
    expect(negotiate(accept, transforms)).toMatchObject(form);
  });

  test.each([
    ['text/html', true],
    [TABLE, false],
    ['application/json;as=Table;v=v2;g=meta.k8s.io', true],
  ])('%s is not acceptable', (accept, transforms) => {
    expect(() => negotiate(accept, transforms)).toThrowError(expect.objectContaining({ code: 406 }));
  });
});
