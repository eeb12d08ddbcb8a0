import { describe, expect, it } from 'vitest';
import { formatFieldSelector, matchesFields, parseFieldSelector } from '#proto/meta/field-selector.ts';
import {
  formatSelector,
  matchesLabels,
  selectorFromLabels,
  selectorFromObject,
} from '#proto/meta/selector.ts';
import { parseLabelSelector } from '#proto/meta/selector-parser.ts';

describe('label selector text', () => {
  it.each([
    ['', {}, true],
    ['app=web', { app: 'web' }, true],
    ['app==web', { app: 'db' }, false],
    ['app!=web', {}, true],
    ['app', { app: '' }, true],
    ['!app', { app: 'web' }, false],
    ['! app', {}, true],
    ['app in (web, db)', { app: 'db' }, true],
    ['app notin (web,db)', {}, true],
    ['app in ()', { app: '' }, true],
    ['app in (,a)', { app: '' }, true],
    ['app=', { app: '' }, true],
    ['replicas>3', { replicas: '4' }, true],
    ['replicas<3', { replicas: 'many' }, false],
    ['in in (in)', { in: 'in' }, true],
    ['a=1,b notin (x),!c', { a: '1' }, true],
    ['constructor', {}, false],
  ])('%j on %j is %s', (text, labels, want) => {
    expect(matchesLabels(parseLabelSelector(text), labels as Record<string, string>)).toBe(want);
  });

  it.each([
    ['a,', "found '', expected: identifier after ','"],
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    [
      'a>b',
      `unable to parse requirement: values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
  ])('refuses %j', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });

  it('names a bad key and a bad value', () => {
    expect(() => parseLabelSelector('a/b/c=d')).toThrow(
      'unable to parse requirement: <nil>: Invalid value: "a/b/c": a valid label key must consist of',
    );
    expect(() => parseLabelSelector('a=-')).toThrow(
      'unable to parse requirement: values[0][a]: Invalid value: "-": a valid label must be an empty string',
    );
  });

  it.each(['a=1,b in (x,y)', '!a,b,c!=2', 'a>3,b<4', 'a notin (x)'])('writes %j back', (text) => {
    expect(formatSelector(parseLabelSelector(text))).toBe(text);
  });
});

describe('label selector object', () => {
  it('selects nothing when absent and everything when empty', () => {
    expect(matchesLabels(selectorFromObject(undefined), {})).toBe(false);
    expect(matchesLabels(selectorFromObject({}), {})).toBe(true);
    expect(matchesLabels(selectorFromLabels(undefined), undefined)).toBe(true);
  });

  it('joins labels and expressions', () => {
    const selector = selectorFromObject({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['a', 'b'] },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    });
    expect(matchesLabels(selector, { app: 'web', tier: 'a' })).toBe(true);
    expect(matchesLabels(selector, { app: 'web', tier: 'a', old: '' })).toBe(false);
    expect(formatSelector(selector)).toBe('app=web,!old,tier in (a,b)');
  });

  it('refuses what upstream refuses', () => {
    const one = (operator: string, values: string[]) => () =>
      selectorFromObject({ matchExpressions: [{ key: 'a', operator, values }] });
    expect(one('Near', [])).toThrow('"Near" is not a valid label selector operator');
    expect(one('In', [])).toThrow("for 'in', 'notin' operators, values set can't be empty");
    expect(one('Exists', ['x'])).toThrow('values set must be empty for exists and does not exist');
  });
});

describe('field selector', () => {
  it('parses, matches and writes', () => {
    const terms = parseFieldSelector('status.phase!=Failed,spec.nodeName=a\\,b');
    const fields: Record<string, string> = { 'spec.nodeName': 'a,b', 'status.phase': 'Running' };
    expect(matchesFields(terms, (field) => fields[field] ?? '')).toBe(true);
    expect(formatFieldSelector(terms)).toBe('spec.nodeName=a\\,b,status.phase!=Failed');
    expect(matchesFields(parseFieldSelector(''), () => '')).toBe(true);
  });

  it.each([
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=b\\x', 'invalid field selector: invalid escape sequence: \\x'],
  ])('refuses %j', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(message);
  });
});
