import { type Family, family } from '#proto/metrics/exposition.ts';
import type { FlowControl, LevelUse } from '#server/apiserver/flowcontrol/flow-control.ts';

const GAUGES: readonly (readonly [name: string, help: string, read: (level: LevelUse) => number])[] = [
  ['nominal_limit_seats', 'Seats that a priority level may count on.', (level) => level.nominal],
  [
    'current_executing_seats',
    'Seats that requests of the priority level take at the moment.',
    (level) => level.used,
  ],
  [
    'current_inqueue_requests',
    'Requests of the priority level that wait in its queues.',
    (level) => level.waiting,
  ],
];

/** How the server is shared among its clients, under upstream's names. */
export const flowFamilies = (control: FlowControl): readonly Family[] =>
  GAUGES.map(([name, help, read]) =>
    family(`apiserver_flowcontrol_${name}`, 'gauge', help, ['priority_level'], () =>
      control.use().map((level) => [[level.name], read(level)] as const),
    ),
  );
