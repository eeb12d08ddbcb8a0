/** A kind of one's own, with the real kubectl: its definition comes, is used, changes and goes. */
import { beforeAll, expect, it } from 'vitest';
import { apply } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 0 });
const kubectl = (args: string | readonly string[]) => cluster().kubectl.ok(args);

const lamp = (name: string, spec: object): object => ({
  apiVersion: 'home.example/v1',
  kind: 'Lamp',
  metadata: { name },
  spec,
});

const SCHEMA = {
  type: 'object',
  description: 'A lamp somewhere in the house.',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['room'],
      properties: {
        room: { type: 'string', description: 'Where it hangs.', minLength: 1 },
        colour: { type: 'string', enum: ['warm', 'cold'], default: 'warm' },
        watts: { type: 'integer', minimum: 1, maximum: 100, default: 5 },
        limit: { type: 'integer' },
      },
      'x-kubernetes-validations': [
        { rule: '!has(self.limit) || self.watts <= self.limit', message: 'it takes more than its limit' },
      ],
    },
    status: { type: 'object', properties: { lit: { type: 'boolean' } } },
  },
};

const DEFINITION = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'lamps.home.example' },
  spec: {
    group: 'home.example',
    scope: 'Namespaced',
    names: { plural: 'lamps', singular: 'lamp', kind: 'Lamp', shortNames: ['lp'], categories: ['all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: SCHEMA },
        subresources: { status: {} },
        selectableFields: [{ jsonPath: '.spec.room' }],
        additionalPrinterColumns: [
          { name: 'Room', type: 'string', jsonPath: '.spec.room' },
          { name: 'Watts', type: 'integer', jsonPath: '.spec.watts' },
          { name: 'Lit', type: 'boolean', jsonPath: '.status.lit', priority: 1 },
        ],
      },
    ],
  },
};

async function define(): Promise<void> {
  await apply(cluster(), DEFINITION);
  await kubectl('wait crd/lamps.home.example --for=condition=Established --timeout=20s');
}

beforeAll(define);

it('shows its columns under all of its names, with defaults filled in', async () => {
  await apply(cluster(), lamp('desk', { room: 'study' }), lamp('hall', { room: 'hall', watts: 40 }));
  expect(await kubectl('get lp')).toMatch(/^NAME +ROOM +WATTS\ndesk +study +5\nhall +hall +40\n$/);
  expect(await kubectl('get lamps.home.example --field-selector spec.room=hall -o name')).toBe(
    'lamp.home.example/hall\n',
  );
  expect(await kubectl('get all')).toContain('lamp.home.example/desk');
  expect(await kubectl('get lamp desk -o jsonpath={.spec.colour}')).toBe('warm');
  expect(await kubectl('api-resources --api-group=home.example')).toMatch(
    /lamps +lp +home\.example\/v1 +true +Lamp/,
  );
});

it('changes in its parts, and its status apart from the rest', async () => {
  const patch = (...args: string[]) => kubectl(['patch', 'lamp', 'desk', '--type=merge', ...args]);
  await patch('-p', '{"spec":{"watts":9},"status":{"lit":false}}');
  await patch('--subresource=status', '-p', '{"spec":{"watts":1},"status":{"lit":true}}');
  expect(await kubectl('get lamp desk -o jsonpath={.spec.watts}{.status.lit}{.metadata.generation}')).toBe(
    '9true2',
  );
  expect(await kubectl('get lamp desk -o wide')).toMatch(/NAME +ROOM +WATTS +LIT\ndesk +study +9 +true\n/);
});

it.each([
  [
    { room: 'attic', colour: 'green' },
    'spec.colour: Unsupported value: "green": supported values: "warm", "cold"',
  ],
  [
    { room: 'attic', watts: 500 },
    'spec.watts: Invalid value: 500: spec.watts in body should be less than or equal to 100',
  ],
  [{ watts: 5 }, 'spec.room: Required value'],
  [{ room: 'attic', limit: 1 }, 'spec: Invalid value: it takes more than its limit'],
  [{ room: 'attic', wats: 5 }, 'unknown field "spec.wats"'],
])('is refused: %j', async (spec, said) => {
  const refused = await cluster().kubectl.run('create -f -', { input: JSON.stringify(lamp('bad', spec)) });
  expect(refused.stderr).toContain(said);
});

it('explains itself', async () => {
  const said = await kubectl('explain lamp.spec');
  expect(said).toMatch(/GROUP: +home\.example\nKIND: +Lamp\nVERSION: +v1/);
  expect(said).toMatch(/room\t<string> -required-\n +Where it hangs\./);
  expect(said).toMatch(/enum: warm, cold/);
});

it('goes with all of its objects', async () => {
  await kubectl('delete crd lamps.home.example --timeout=20s');
  expect((await cluster().kubectl.run('get --raw /apis/home.example/v1/lamps')).stderr).toContain('NotFound');
  await define();
  expect(await kubectl('get lamps -A -o name')).toBe('');
});
