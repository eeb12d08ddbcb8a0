import type { FlowControl, LevelUse } from '#server/apiserver/flowcontrol/flow-control.ts';
import type { ExtraHandler } from '#server/apiserver/http/app.ts';
import { textAnswer } from '#server/apiserver/http/exchange.ts';

const GAUGES: readonly (readonly [name: string, help: string, read: (level: LevelUse) => number])[] = [
  [
    'nominal_limit_seats',
    'Nominal number of execution seats configured for each priority level',
    (l) => l.nominal,
  ],
  ['current_executing_seats', 'Seats that requests of the priority level take at the moment', (l) => l.used],
  ['current_inqueue_requests', 'Requests of the priority level that wait in its queues', (l) => l.waiting],
];

/** How the server is shared, on `/metrics`, in Prometheus' text format and under upstream's names. */
export function flowMetricsHandler(control: FlowControl): ExtraHandler {
  return ({ path, method }) => {
    if (path !== '/metrics' || (method !== 'GET' && method !== 'HEAD')) return undefined;
    const levels = control.use();
    const lines = GAUGES.flatMap(([name, help, read]) => {
      const full = `apiserver_flowcontrol_${name}`;
      return [
        `# HELP ${full} ${help}`,
        `# TYPE ${full} gauge`,
        ...levels.map((level) => `${full}{priority_level=${JSON.stringify(level.name)}} ${read(level)}`),
      ];
    });
    return {
      ...textAnswer(200, `${lines.join('\n')}\n`),
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
    };
  };
}
