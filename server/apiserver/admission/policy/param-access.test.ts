import { expect, it } from 'vitest';
import { mutatingadmissionpolicybindings } from '#proto/api/admissionregistration/mutatingadmissionpolicybindings.ts';
import { validatingadmissionpolicies } from '#proto/api/admissionregistration/validatingadmissionpolicies.ts';
import { validatingadmissionpolicybindings } from '#proto/api/admissionregistration/validatingadmissionpolicybindings.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { ParamAccess } from '#server/apiserver/admission/policy/param-access.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import type { AuthorizationRequest } from '#server/apiserver/authz/authorizer.ts';

const user = { name: 'jane', groups: ['devs'] };
const aPolicy = (kind = 'Secret', apiVersion = 'v1') => ({
  metadata: { name: 'p' },
  spec: { paramKind: { apiVersion, kind } },
});
const aBinding = (paramRef: object, policyName = 'p') => ({
  metadata: { name: 'b' },
  spec: { policyName, paramRef },
});

/** Somebody who may do this to ConfigMaps, and nothing else. */
async function aPlugin() {
  const { reader, put } = aCluster();
  await put(validatingadmissionpolicies, aPolicy());
  await put(validatingadmissionpolicies, { ...aPolicy('Gone', 'x.io/v1'), metadata: { name: 'gone' } });
  const asked: Partial<AuthorizationRequest>[] = [];
  const authorizer = {
    authorize: async (request: AuthorizationRequest) => {
      asked.push(request);
      return { allowed: request.kind === 'resource' && request.resource === 'configmaps', reason: '' };
    },
  };
  return { asked, plugin: new ParamAccess(authorizer, reader, () => [configmaps, secrets]) };
}

it('lets those name a kind who may read all of it', async () => {
  const { plugin, asked } = await aPlugin();
  await run(plugin, aWrite(validatingadmissionpolicies, aPolicy('ConfigMap'), { user }));
  expect(asked).toEqual([
    {
      kind: 'resource',
      user,
      verb: 'get',
      group: '',
      version: 'v1',
      resource: 'configmaps',
      name: '*',
      namespace: '*',
    },
  ]);
  await expect(run(plugin, aWrite(validatingadmissionpolicies, aPolicy(), { user }))).rejects.toMatchObject({
    code: 422,
    message:
      'ValidatingAdmissionPolicy.admissionregistration.k8s.io "p" is invalid: spec.paramKind: Forbidden: user &{jane  [devs] map[]} must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)',
  });
});

it.each([
  [
    { name: 'x', namespace: 'ns' },
    'p',
    'does not have "get" permission on the object referenced by paramRef',
  ],
  [{ selector: {} }, 'p', 'does not have "list" permission on the object referenced by paramRef'],
  [
    { name: 'x' },
    'none',
    'unable to get policy none to determine minimum required permissions and user &{jane  [devs] map[]} does not have "get" permission for all groups, versions and resources',
  ],
  [{ name: 'x' }, 'gone', 'unable to resolve paramKind &{x.io/v1 Gone} to determine'],
])('lets those bind to parameters who may read them: %j of %s', async (paramRef, policyName, problem) => {
  const { plugin } = await aPlugin();
  const write = aWrite(validatingadmissionpolicybindings, aBinding(paramRef, policyName), { user });
  await expect(run(plugin, write)).rejects.toThrow(problem);
});

it('asks nothing of masters, of what names no parameters, and of a kind that stays', async () => {
  const { plugin, asked } = await aPlugin();
  const update = { user, operation: 'UPDATE', oldObject: aPolicy() } as const;
  await run(plugin, aWrite(validatingadmissionpolicies, aPolicy()));
  await run(
    plugin,
    aWrite(validatingadmissionpolicies, { metadata: { name: 'p' }, spec: {} } as never, { user }),
  );
  await run(plugin, aWrite(validatingadmissionpolicies, aPolicy(), update));
  await run(plugin, aWrite(configmaps, { metadata: { name: 'p' } }, { user }));
  expect(asked).toEqual([]);
  const binding = aWrite(mutatingadmissionpolicybindings, aBinding({ name: 'x' }), { user });
  await expect(run(plugin, binding)).rejects.toThrow('unable to get policy p');
});
