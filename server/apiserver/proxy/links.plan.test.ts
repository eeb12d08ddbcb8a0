import { describe, expect, it } from 'vitest';
import { encodePath, HtmlRewriter, joinPath, rewriteLink } from './links.plan.ts';

const prefix = '/api/v1/namespaces/ns/services/web/proxy';
const origin = { backend: '10.42.0.7:80', requested: 'server:6443', prefix };

describe('rewriteLink', () => {
  it.each([
    ['/login?a=b#c', `${prefix}/login?a=b#c`],
    ['/', `${prefix}/`],
    ['http://10.42.0.7:80/x', `${prefix}/x`],
    ['https://server:6443/x/', `${prefix}/x/`],
    ['//10.42.0.7:80/x', `${prefix}/x`],
    [`${prefix}/x`, `${prefix}/x`],
    ['/a/../b', `${prefix}/b`],
    ['http://elsewhere/x', 'http://elsewhere/x'],
    ['relative/x', 'relative/x'],
    ['?a=b', '?a=b'],
    ['#top', '#top'],
    ['mailto:a@b', 'mailto:a@b'],
    ['', ''],
  ])('%s becomes %s', (link, expected) => expect(rewriteLink(link, origin)).toBe(expected));
});

it('joins and encodes paths', () => {
  expect(joinPath('/a', '/')).toBe('/a/');
  expect(joinPath('/a', '/b//c/./d')).toBe('/a/b/c/d');
  expect(encodePath('/a b/ü?#%')).toBe('/a%20b/%C3%BC%3F%23%25');
});

describe('HtmlRewriter', () => {
  const rewrite = (link: string): string => (link.startsWith('/') ? `/p${link}` : link);
  const whole = (html: string): string => new HtmlRewriter(rewrite).push(html, true);
  const byCharacter = (html: string): string => {
    const rewriter = new HtmlRewriter(rewrite);
    return [...html].map((char) => rewriter.push(char)).join('') + rewriter.push('', true);
  };

  it.each([
    ['<a href="/x">test</a>', '<a href="/p/x">test</a>'],
    ["<A class=b HREF='/x'>", '<A class=b HREF="/p/x">'],
    ['<a href=/x/y>', '<a href="/p/x/y">'],
    ['<img alt="/x" src="/y"/>', '<img alt="/x" src="/p/y"/>'],
    ['<form action="/go"><input src="/i">', '<form action="/p/go"><input src="/p/i">'],
    ['<p href="/x">', '<p href="/x">'],
    ['<!-- <a href="/x"> --><a href="/y">', '<!-- <a href="/x"> --><a href="/p/y">'],
    [
      '<script src="/s">if (a<b) "<a href=/x>"</script><a href="/y">',
      '<script src="/p/s">if (a<b) "<a href=/x>"</script><a href="/p/y">',
    ],
    ['<!doctype html><a href="/x">', '<!doctype html><a href="/p/x">'],
    ['1 < 2 <a href="/x"', '1 < 2 <a href="/x"'],
    ['<a title="a > b" href="/x">', '<a title="a > b" href="/p/x">'],
    ['</a><', '</a><'],
    ['', ''],
  ])('%s', (html, expected) => {
    expect(whole(html)).toBe(expected);
    expect(byCharacter(html)).toBe(expected);
  });

  it('lets through what never becomes a tag', () => {
    const endless = `<a ${'x'.repeat(200_000)}`;
    expect(whole(endless)).toBe(endless);
    const rewriter = new HtmlRewriter(rewrite);
    expect(rewriter.push(endless) + rewriter.push('', true)).toBe(endless);
  });
});
