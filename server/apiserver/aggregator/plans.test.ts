import { expect, it } from 'vitest';
import { discoveryResources } from './remote-discovery.plan.ts';
import { withRemoteUser } from './remote-headers.plan.ts';

it('says who asks, whatever the client says', () => {
  const headers = {
    accept: 'x',
    'x-remote-user': 'root',
    'x-remote-extra-scopes': ['all'],
    'x-remote-uid': '0',
  };
  const user = {
    name: 'jürgen\r\nx-remote-group: system:masters',
    groups: ['a', 'b'],
    extra: { 'example.com/Scopes': ['one', 'two'] },
  };
  expect(withRemoteUser(headers, user)).toEqual({
    accept: 'x',
    'x-remote-user': 'jÃ¼rgen  x-remote-group: system:masters',
    'x-remote-group': ['a', 'b'],
    'x-remote-extra-example.com%2Fscopes': ['one', 'two'],
  });
});

it('makes aggregated discovery of a list of resources', () => {
  const verbs = ['get'];
  const list = {
    resources: [
      {
        name: 'flunders',
        singularName: 'flunder',
        namespaced: true,
        kind: 'Flunder',
        verbs,
        shortNames: ['fl'],
      },
      { name: 'flunders/status', kind: 'Flunder', verbs },
      { name: 'flunders/scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs },
      { name: 'fischers', namespaced: false, kind: 'Fischer' },
      { kind: 'Nameless' },
      null,
    ],
  };
  const gv = { group: 'g', version: 'v1' };
  expect(discoveryResources(list, gv)).toEqual([
    {
      resource: 'flunders',
      responseKind: { ...gv, kind: 'Flunder' },
      scope: 'Namespaced',
      singularResource: 'flunder',
      verbs,
      shortNames: ['fl'],
      subresources: [
        { subresource: 'status', responseKind: { ...gv, kind: 'Flunder' }, verbs },
        {
          subresource: 'scale',
          responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
          verbs,
        },
      ],
    },
    {
      resource: 'fischers',
      responseKind: { ...gv, kind: 'Fischer' },
      scope: 'Cluster',
      singularResource: '',
      verbs: [],
    },
  ]);
  for (const nonsense of [undefined, null, 1, {}, { resources: 1 }])
    expect(discoveryResources(nonsense, gv)).toEqual([]);
});
