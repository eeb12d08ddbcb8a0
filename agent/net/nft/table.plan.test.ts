import { describe, expect, it } from 'vitest';
import { type NftTable, planDifference, planWhole } from './table.plan.ts';

const aTable = (over: Partial<NftTable> = {}): NftTable => ({
  family: 'inet',
  name: 'x',
  base: ' map m { type ipv4_addr : verdict; }',
  sets: new Map([
    ['m', { declaration: undefined, elements: new Map([['10.0.0.1', 'goto a']]) }],
    ['s', { declaration: 'type ipv4_addr;', elements: new Map([['10.0.0.2', '']]) }],
  ]),
  chains: new Map([['a', ['ip saddr @s accept', 'drop']]]),
  ...over,
});

it('makes the whole table in one script', () => {
  expect(planWhole(aTable()).split('\n')).toEqual([
    'table inet x',
    'delete table inet x',
    'table inet x {',
    ' set s { type ipv4_addr; }',
    ' map m { type ipv4_addr : verdict; }',
    ' chain a { ip saddr @s accept; drop; }',
    '}',
    'add element inet x m { 10.0.0.1 : goto a }',
    'add element inet x s { 10.0.0.2 }',
    '',
  ]);
});

describe('the difference', () => {
  it('is nothing between equals, and undefined where the base differs', () => {
    expect(planDifference(aTable(), aTable())).toBe('');
    expect(planDifference(aTable(), aTable({ base: '' }))).toBeUndefined();
  });

  it('touches elements alone where only they differ', () => {
    const wanted = aTable({
      sets: new Map([
        ['m', { declaration: undefined, elements: new Map([['10.0.0.1', 'goto a']]) }],
        ['s', { declaration: 'type ipv4_addr;', elements: new Map([['10.0.0.3', '']]) }],
      ]),
    });
    expect(planDifference(aTable(), wanted)).toBe(
      'delete element inet x s { 10.0.0.2 }\nadd element inet x s { 10.0.0.3 }\n',
    );
  });

  it('makes what is named before what names it, and removes it after', () => {
    const wanted = aTable({
      sets: new Map([
        ['m', { declaration: undefined, elements: new Map([['10.0.0.1', 'goto b']]) }],
        ['t', { declaration: 'type ipv4_addr;', elements: new Map() }],
      ]),
      chains: new Map([['b', ['ip saddr @t accept']]]),
    });
    expect(planDifference(aTable(), wanted)?.split('\n')).toEqual([
      'add set inet x t { type ipv4_addr; }',
      'add chain inet x b',
      'add rule inet x b ip saddr @t accept',
      'delete element inet x m { 10.0.0.1 }',
      'add element inet x m { 10.0.0.1 : goto b }',
      'flush chain inet x a',
      'delete chain inet x a',
      'delete set inet x s',
      '',
    ]);
  });
});
