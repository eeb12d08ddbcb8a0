import { expect, test } from 'vitest';
import { checkListOptions } from '#server/apiserver/rest/revision.ts';

const FORBIDDEN = 'ListOptions.meta.k8s.io "" is invalid: ';

test.each([
  [{}, false, undefined],
  [{ resourceVersion: '5', resourceVersionMatch: 'Exact' }, false, undefined],
  [
    { resourceVersionMatch: 'Exact' },
    false,
    'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
  ],
  [
    { resourceVersion: '0', resourceVersionMatch: 'Exact' },
    false,
    'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
  ],
  [
    { resourceVersion: '1', resourceVersionMatch: 'Foo' },
    false,
    'resourceVersionMatch: Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""',
  ],
  [
    { sendInitialEvents: false },
    false,
    'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
  ],
  [
    { sendInitialEvents: true, resourceVersionMatch: 'Exact' },
    true,
    '[resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]',
  ],
  [
    { resourceVersionMatch: 'NotOlderThan' },
    true,
    'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
  ],
  [{ sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }, true, undefined],
])('%j, watch: %s', (options, isWatch, problem) => {
  const check = () => checkListOptions(options, isWatch);
  if (problem === undefined) expect(check).not.toThrow();
  else expect(check).toThrowError(FORBIDDEN + problem);
});
