import { describe, expect, it } from 'vitest';
import { parseImage, pullPolicyOf } from './pull.plan.ts';
import { authsFor } from './pull-secrets.plan.ts';

const digest = `sha256:${'0'.repeat(64)}`;

describe('parseImage', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['me/app', 'docker.io/me/app:latest'],
    ['index.docker.io/me/app', 'docker.io/me/app:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app:2', 'localhost:5000/app:2'],
    ['10.0.0.1:5000/a/b/c', '10.0.0.1:5000/a/b/c:latest'],
    [`r.io/app@${digest}`, `r.io/app@${digest}`],
    [`r.io/app:1@${digest}`, `r.io/app:1@${digest}`],
    ['a__b/c-d.e', 'docker.io/a__b/c-d.e:latest'],
  ])('%s is %s', (image, text) => {
    expect(parseImage(image)?.text).toBe(text);
  });

  it.each(['', 'UPPER', 'a b', 'a:', ':1', 'a//b', 'a@sha256:1', '/a', 'a/', 'http://a/b', '-a'])(
    '"%s" is none',
    (image) => {
      expect(parseImage(image)).toBeUndefined();
    },
  );
});

it.each([
  ['nginx', undefined, 'Always'],
  ['nginx:latest', undefined, 'Always'],
  ['nginx:1', undefined, 'IfNotPresent'],
  [`nginx@${digest}`, undefined, 'IfNotPresent'],
  ['nginx', 'Never', 'Never'],
])('the policy of %s with %s is %s', (image, policy, expected) => {
  expect(pullPolicyOf(image, policy)).toBe(expected);
});

describe('authsFor', () => {
  const decode = (text: string): string => text;
  const config = JSON.stringify({
    auths: {
      'r.io': { username: 'all', password: 'p' },
      'https://r.io/team': { username: 'team', password: 'p' },
      '*.wild.io': { username: 'wild', password: 'p' },
      'https://index.docker.io/v1/': { auth: 'hub:p' },
    },
  });
  it.each([
    ['r.io', 'app', ['all']],
    ['r.io', 'team/app', ['team', 'all']],
    ['r.io', 'teams/app', ['all']],
    ['a.wild.io', 'app', ['wild']],
    ['a.b.wild.io', 'app', []],
    ['docker.io', 'library/nginx', ['hub']],
  ])('%s/%s: %j', (registry, repository, users) => {
    expect(authsFor({ registry, repository }, [config, 'no json'], decode).map((a) => a.username)).toEqual(
      users,
    );
  });
});
