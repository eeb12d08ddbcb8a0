import { expect, it } from 'vitest';
import { exposition, family } from '#proto/metrics/exposition.ts';
import { Histogram, Numbers } from '#proto/metrics/metrics.ts';

it('writes counters and gauges with their labels', () => {
  const requests = new Numbers('requests_total', 'counter', 'Requests,\nof all kinds.', ['verb', 'path']);
  requests.add(1, 'GET', '/a"b\\c\n');
  requests.add(2, 'GET', '/a"b\\c\n');
  requests.add(1, 'PUT', '');
  const up = new Numbers('up', 'gauge', 'Is it?');
  up.set(1);
  up.set(0);
  expect(exposition([requests, up])).toBe(
    [
      '# HELP requests_total Requests,\\nof all kinds.',
      '# TYPE requests_total counter',
      'requests_total{verb="GET",path="/a\\"b\\\\c\\n"} 3',
      'requests_total{verb="PUT",path=""} 1',
      '# HELP up Is it?',
      '# TYPE up gauge',
      'up 0',
      '',
    ].join('\n'),
  );
});

it('adds up the buckets of a histogram', () => {
  const latency = new Histogram('latency_seconds', 'How long.', [0.1, 1], ['verb']);
  for (const seconds of [0.05, 0.1, 0.5, 7]) latency.observe(seconds, 'GET');
  expect(exposition([latency]).split('\n').slice(2, -1)).toEqual([
    'latency_seconds_bucket{verb="GET",le="0.1"} 2',
    'latency_seconds_bucket{verb="GET",le="1"} 3',
    'latency_seconds_bucket{verb="GET",le="+Inf"} 4',
    'latency_seconds_sum{verb="GET"} 7.65',
    'latency_seconds_count{verb="GET"} 4',
  ]);
});

it('reads what is known elsewhere when it is asked, and leaves out what has no series', () => {
  const pods = new Map([['a', 1]]);
  const one = family('pods', 'gauge', 'Pods.', ['name'], function* () {
    for (const [name, value] of pods) yield [[name], value] as const;
  });
  pods.set('b', Number.POSITIVE_INFINITY);
  const none = family('none', 'gauge', 'Nothing.', [], () => []);
  expect(exposition([none, one])).toBe(
    '# HELP pods Pods.\n# TYPE pods gauge\npods{name="a"} 1\npods{name="b"} +Inf\n',
  );
});
