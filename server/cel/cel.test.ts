import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cel } from '#server/cel/cel.ts';
import type { CelOutcome } from '#server/cel/engine.ts';
import { BOOL, DYN, STRING } from '#server/cel/type.ts';

/** Messages and values as kube-apiserver 1.36 gives them for the same expressions. */
const OBJECT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    labels: { app: 'web', env: 'prod' },
    creationTimestamp: '2024-01-02T03:04:05Z',
  },
  spec: {
    replicas: 3,
    ratio: 0.5,
    paused: false,
    nothing: null,
    strings: ['a', 'b', 'c'],
    ints: [3, 1, 2],
    template: {
      spec: {
        containers: [
          {
            name: 'main',
            image: 'nginx:1.25',
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: '500m' } },
          },
          { name: 'side', image: 'busybox:latest', ports: [] },
        ],
      },
    },
  },
};
const variables = {
  object: DYN,
  oldObject: DYN,
  authorizer: cel.AUTHORIZER,
  'authorizer.requestResource': cel.RESOURCE_CHECK,
};

function evaluate(source: string, costLimit = cel.PER_CALL_LIMIT): CelOutcome | string {
  const compiled = cel.compile(source, { variables, mutation: true });
  if ('problem' in compiled) return compiled.problem;
  const { authorizer } = cel.authorizer((question) => ({ allowed: question.verb === 'get', reason: 'RBAC' }));
  return compiled.program.evaluate(
    { object: cel.fromJson(OBJECT), oldObject: null, authorizer },
    { costLimit },
  );
}

/** The value as JSON, or `error: …`, or what the compiler says. */
function answer(source: string): unknown {
  const outcome = evaluate(source);
  if (typeof outcome === 'string') return outcome;
  return 'error' in outcome ? `error: ${outcome.error}` : cel.toJson(outcome.value);
}

describe('values', () => {
  it.each<[string, unknown]>([
    ['1 + 2 * 3 - 4 / 2 % 3', 5],
    ['object.spec.replicas <= 5', true],
    ['object.spec.replicas > 2.5', true],
    ['object.spec.ratio * 2.0 == 1.0', true],
    [
      '1 == 1.0',
      "compilation failed: ERROR: <input>:1:3: found no matching overload for '_==_' applied to '(int, double)'\n | 1 == 1.0\n | ..^",
    ],
    ['dyn(1) == 1.0', true],
    ['{1: 2}[dyn(1u)]', 2],
    ['[1] == [dyn(1.0)]', true],
    ["object.metadata.labels['app'] == 'web'", true],
    ["'app' in object.metadata.labels", true],
    ["'b' in object.spec.strings", true],
    ['has(object.spec.missing) || object.spec.replicas == 3', true],
    ['object.spec.missing == 1 || true', true],
    ['oldObject == null', true],
    ['object.spec.nothing == null', true],
    ["object.spec.template.spec.containers.all(c, c.image.contains(':'))", true],
    ["object.spec.template.spec.containers.exists(c, c.image.endsWith(':latest'))", true],
    ["object.spec.template.spec.containers.map(c, c.name).join(',')", 'main,side'],
    ['object.spec.template.spec.containers.filter(c, has(c.resources)).size()', 1],
    ['object.spec.ints.exists(x, x / (x - 3) == 1 || x == 1)', true],
    ['[1, 2, 3].map(x, x > 1, x * 2)', [4, 6]],
    ['object.metadata.labels.all(k, v, k != v)', true],
    ['object.spec.ints.all(i, v, i >= 0 && v > 0)', true],
    ['object.metadata.labels.transformList(k, v, k + v)', ['appweb', 'envprod']],
    ["object.metadata.labels.transformMap(k, v, k == 'app', v)", { app: 'web' }],
    ["{'a': 1}.transformMapEntry(k, v, {v: k})", { 1: 'a' }],
    ["object.metadata.?labels.?nope.orValue('x')", 'x'],
    ['object.?spec.replicas.orValue(5)', 3],
    ['object.spec.ints[?5].orValue(7)', 7],
    ['[?optional.of(1), ?optional.none()]', [1]],
    ["{?'a': optional.of(1), ?'b': optional.none()}", { a: 1 }],
    ['optional.of(1).optMap(x, x + 1).value()', 2],
    ['[3, 1, 2].sortBy(x, -x)', [3, 2, 1]],
    ['object.spec.ints.sum() + object.spec.ints.max() - object.spec.ints.min()', 8],
    ['[1, 2, 1].lastIndexOf(1)', 2],
    ['[[1], [2, 3]].flatten().reverse()', [3, 2, 1]],
    ['[1, 1, 2].distinct()', [1, 2]],
    ['lists.range(3)', [0, 1, 2]],
    ['sets.equivalent([1, 2], [2, 1]) && sets.contains([1, 2], [1]) && !sets.intersects([1], [2])', true],
    ["'%s has %d, %.2f, %x'.format(['x', 3, 1.5, 255])", 'x has 3, 1.50, ff'],
    ["'%s'.format([{'b': 2.5, 'a': 1.5}])", '{"a":1.500000, "b":2.500000}'],
    ["'a-b-c'.split('-', 2)", ['a', 'b-c']],
    ["'aaa'.replace('a', 'b', 2)", 'bba'],
    ["'hello'.substring(1, 3) + 'Hello'.lowerAscii()", 'elhello'],
    ["'\\u65e5\\u672c\\u8a9e'.charAt(1)", '\u672c'],
    ["' x '.trim()", 'x'],
    ["string(duration('1h30m'))", '5400s'],
    ['string(123456789.0)', '1.23456789e+08'],
    ["timestamp(object.metadata.creationTimestamp).getHours('America/New_York')", 22],
    ["timestamp('2024-01-02T03:04:05Z') - duration('1h') < timestamp('2024-01-02T03:04:05Z')", true],
    ["duration('1.5s').getMilliseconds()", 1500],
    ["type(object.spec.replicas) == int && type('') == string", true],
    ["quantity('1Gi').isGreaterThan(quantity('500Mi'))", true],
    ["quantity('50k').sub(quantity('10k')) == quantity('40k')", true],
    ["quantity('1.5').isInteger()", false],
    ["url('https://user@example.com:80/p?a=b').getHost()", 'example.com:80'],
    ["url('https://[::1]:80/').getHostname()", '::1'],
    ["url('https://x/?a=b&a=c').getQuery()['a']", ['b', 'c']],
    ["isURL('../x')", false],
    ["ip('::1').isLoopback() && ip('10.0.0.1').family() == 4", true],
    ["string(ip('2001:db8:0:0:1:0:0:1'))", '2001:db8::1:0:0:1'],
    ["ip.isCanonical('2001:DB8::ABCD')", false],
    ["cidr('192.168.0.0/24').containsIP('192.168.1.1')", false],
    ["cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", true],
    ["semver('1.0.0-alpha.1').compareTo(semver('1.0.0-alpha.beta'))", -1],
    ["isSemver('v1.0', true) && !isSemver('v1.0')", true],
    ["format.named('dns1123Label').value().validate('ok').hasValue()", false],
    ["format.dns1123Label().validate('-bad').hasValue()", true],
    ["object.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')", true],
    ["'abcabc'.findAll('b.', 1)", ['bc']],
    ["'aXbX'.findAll('X?')", ['', 'X', 'X']],
    ["'foo'.find('o*?') + 'foobar'.find('o+|b')", 'oo'],
    ["'a\\nb'.matches('(?m)^b$') && 'K'.matches('(?i)k') && '\\u00e9'.matches('\\\\pL')", true],
    ["authorizer.group('').resource('pods').namespace('a').check('get').allowed()", true],
    ["authorizer.path('/healthz').check('post').reason()", 'RBAC'],
    ['Object{spec: Object.spec{replicas: 3, ?paused: optional.none()}}', { spec: { replicas: 3 } }],
    [
      "[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('b/c~d'), value: 1}]",
      [{ op: 'add', path: '/a/b~1c~0d', value: 1 }],
    ],
  ])('%s', (source, expected) => {
    expect(answer(source)).toEqual(expected);
  });
});

describe('errors of evaluation', () => {
  it.each([
    ['object.spec.missing', 'no such key: missing'],
    ["object.metadata.labels['nope']", 'no such key: nope'],
    ['object.spec.ints[5]', 'index out of bounds: 5'],
    ["object.spec.replicas + 'a'", 'no such overload'],
    ["object.spec.replicas.startsWith('a')", 'no such overload'],
    ['size(object.spec.replicas)', 'no such overload: size'],
    ['object.spec.replicas ? 1 : 2', 'no such overload'],
    ['object.spec.replicas.all(x, true)', "got 'types.Int', expected iterable type"],
    ['object.spec.ints.foo', "unsupported index type 'string' in list"],
    ['oldObject.foo', 'no such key: foo'],
    ['object.spec.replicas / 0', 'division by zero'],
    ['object.spec.replicas % 0', 'modulus by zero'],
    ['9223372036854775807 + 1', 'integer overflow'],
    ['optional.none().value()', 'optional.none() dereference'],
    [
      "quantity('abc')",
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      "ip('1.2.3')",
      'IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): IPv4 address too short',
    ],
    ["'hello'.substring(9)", 'index out of range: 9'],
    ['int(object.metadata.name)', "type conversion error from 'string' to 'int'"],
  ])('%s', (source, expected) => {
    expect(answer(source)).toBe(`error: ${expected}`);
  });
});

describe('errors of compilation', () => {
  it.each([
    ["1 + 'a'", "1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + 'a'\n | ..^"],
    ['foo', "1:1: undeclared reference to 'foo' (in container '')\n | foo\n | ^"],
    ["[1, 'a']", "1:5: expected type 'int' but found 'string'\n | [1, 'a']\n | ....^"],
    ['!1', "1:1: found no matching overload for '!_' applied to '(int)'\n | !1\n | ^"],
    ['1 && true', "1:1: expected type 'bool' but found 'int'\n | 1 && true\n | ^"],
    [
      "'abc'.all(c, true)",
      "1:1: expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic)\n | 'abc'.all(c, true)\n | ^",
    ],
    ["has('abc'.d)", "1:4: type 'string' does not support field selection\n | has('abc'.d)\n | ...^"],
    ['has(object)', '1:5: invalid argument to has() macro\n | has(object)\n | ....^'],
    ["'abc'.matches('(')", "1:15: invalid matches argument\n | 'abc'.matches('(')\n | ..............^"],
    ["duration('bad')", "1:10: invalid duration argument\n | duration('bad')\n | .........^"],
    ['var', '1:1: reserved identifier: var\n | var\n | ^'],
    ['9223372036854775808', '1:1: invalid int literal\n | 9223372036854775808\n | ^'],
    [
      '1 +',
      "1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 +\n | ...^",
    ],
    ['1 2', "1:3: Syntax error: extraneous input '2' expecting <EOF>\n | 1 2\n | ..^"],
    ['(1', "1:3: Syntax error: missing ')' at '<EOF>'\n | (1\n | ..^"],
    ['object.', "1:8: Syntax error: no viable alternative at input '.'\n | object.\n | .......^"],
    [
      '@',
      "1:1: Syntax error: token recognition error at: '@'\n | @\n | ^\nERROR: <input>:1:2: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | @\n | .^",
    ],
    [
      '"\u00e9" + 1',
      "1:5: found no matching overload for '_+_' applied to '(string, int)'\n | \"\u00e9\" + 1\n | .\uff0e..^",
    ],
  ])('%s', (source, expected) => {
    expect(answer(source)).toBe(`compilation failed: ERROR: <input>:${expected}`);
  });

  it('computes constants first', () => {
    expect(answer("int('x')")).toBe(
      "program instantiation failed: type conversion error from 'string' to 'int'",
    );
  });

  it('says what a result must be', () => {
    const compile = (source: string) => cel.compile(source, { variables, result: [BOOL] });
    expect(compile('1')).toEqual({ problem: 'must evaluate to bool but got int' });
    expect(compile('object.spec')).toEqual({ problem: 'must evaluate to bool but got dyn' });
    expect(cel.compile('1', { variables, result: [BOOL, STRING] })).toEqual({
      problem: 'must evaluate to one of [bool string] but got int',
    });
  });
});

describe('the budget', () => {
  it.each([
    ['object.spec.replicas', 3],
    ["object.spec.template.spec.containers.all(c, c.image.startsWith('nginx'))", 19],
    ['[1, 2, 3].all(x, x > 0)', 16],
    ["'x'.matches('abc')", 1],
  ])('%s costs what it does upstream', (source, cost) => {
    expect(evaluate(source)).toMatchObject({ cost });
  });

  const list = `[${Array.from({ length: 200 }, (_, i) => i).join(',')}]`;
  it.each([
    ['loops in loops', `${list}.all(a, ${list}.all(b, ${list}.all(c, a + b + c >= 0)))`],
    ['what grows', `${list}.map(a, ${list}.map(b, ${list}.map(c, 'x')))`],
    ['a long range', 'lists.range(1000000000).size() > 0'],
    [
      'a pattern that is large',
      `${list}.all(a, '${'a'.repeat(3000)}'.matches('((((a{1,20}){1,20}){1,20})*)*b'))`,
    ],
    [
      'a text that is large',
      `'x'.replace('', '${'y'.repeat(50_000)}').replace('y', '${'z'.repeat(40_000)}').size() > 0`,
    ],
  ])('ends %s', (_what, source) => {
    expect(evaluate(source)).toMatchObject({
      error: 'operation cancelled: actual cost limit exceeded',
      isOverBudget: true,
    });
  });

  it('matches in proportion to the text', () => {
    expect(answer(`'${'a'.repeat(20_000)}!'.matches('^(a+)+$')`)).toBe(false);
  });
});

describe('any input', () => {
  const word = fc.constantFrom(
    ..."object . spec replicas ( ) [ ] { } , : ? + - * / % == != < > && || ! in true false null 1 2u 1.5 'a' \"b\" b'c' has all map exists filter x c.name size matches type int string list timestamp duration optional.of .? [? Object JSONPatch _ @ ` \\ \n \u00e9".split(
      ' ',
    ),
  );
  it('compiles or is refused, and is evaluated in the budget', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 24 }), fc.constantFrom('', ' '), (words, space) => {
        const outcome = evaluate(words.join(space), 10_000);
        if (typeof outcome !== 'string') expect(outcome.cost).toBeLessThan(400_000);
      }),
      { seed: 20_261_129, numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (source) => {
        evaluate(source, 10_000);
      }),
      { seed: 20_261_130, numRuns: 2000 },
    );
  });

  it('may nest deeply', () => {
    expect(answer(`${'('.repeat(10_000)}1${')'.repeat(10_000)}`)).toContain(
      'expression recursion limit exceeded: 250',
    );
    expect(answer(Array.from({ length: 3000 }, () => 'true').join(' && '))).toBe(true);
    expect(answer(`${'!'.repeat(5000)}true`)).toBe(true);
  });
});
