import { describe, expect, it } from 'vitest';
import { validatingadmissionpolicies } from '#proto/api/admissionregistration/validatingadmissionpolicies.ts';
import { validatingadmissionpolicybindings } from '#proto/api/admissionregistration/validatingadmissionpolicybindings.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import { horizontalpodautoscalersV1 as hpaV1 } from '#proto/api/autoscaling/horizontalpodautoscalers-v1.ts';
import { configmaps } from '#proto/api/core/configmaps.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import type { StatusError } from '#proto/meta/status-error.ts';
import { deleteObject } from '#server/apiserver/rest/delete.ts';
import { replaceObject } from '#server/apiserver/rest/update.ts';
import { aConfigMap } from '#server/apiserver/testing/test-api.ts';
import { aCluster, RULE } from './testing.ts';

const fails = (attempt: Promise<unknown>): Promise<StatusError> =>
  attempt.then(
    () => expect.fail('was let through'),
    (err) => err as StatusError,
  );

const checks = (...expressions: string[]): object => ({
  validations: expressions.map((expression) => ({ expression })),
});

describe('a policy that is bound', () => {
  it('refuses what it does not allow, in the words of upstream', async () => {
    const { create, validate } = await aCluster();
    await validate(checks("object.metadata.name != 'bad'"));
    await create(configmaps, aConfigMap('good'));
    const err = await fails(create(configmaps, aConfigMap('bad')));
    const text =
      "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: object.metadata.name != 'bad'";
    expect(err.toStatus()).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `configmaps "bad" is forbidden: ${text}`,
      details: { name: 'bad', kind: 'configmaps', causes: [{ message: text }] },
    });
  });

  it('takes message, messageExpression and reason of the validation', async () => {
    const { create, validate } = await aCluster();
    await validate({
      validations: [
        { expression: "object.data.a != '1'", message: ' said ', reason: 'Forbidden' },
        {
          expression: "object.data.a != '2'",
          message: 'said',
          messageExpression: "'computed ' + object.data.a",
        },
        { expression: "object.data.a != '3'", message: 'said', messageExpression: "'x' + object.data.none" },
        { expression: "object.data.a != '4'", messageExpression: "'two\\nlines'" },
      ],
    });
    const refused = async (a: string) => {
      const { code, message } = await fails(create(configmaps, aConfigMap('x', { a })));
      return [code, message.replace(/.*denied request: /, '')];
    };
    expect(await refused('1')).toEqual([403, 'said']);
    expect(await refused('2')).toEqual([422, 'computed 2']);
    expect(await refused('3')).toEqual([422, 'said']);
    expect(await refused('4')).toEqual([422, "failed expression: object.data.a != '4'"]);
  });

  it('knows the request, the old object, the namespace and its variables', async () => {
    const { create, validate, api, call } = await aCluster();
    await validate({
      variables: [
        { name: 'team', expression: 'namespaceObject.metadata.labels.team' },
        {
          name: 'sum',
          expression: "variables.team + request.operation + (oldObject == null ? '' : oldObject.data.a)",
        },
      ],
      matchConditions: [{ name: 'data', expression: 'has(object.data)' }],
      validations: [
        {
          expression: "request.userInfo.username == 'other'",
          messageExpression:
            "'%s %s %s %s %s'.format([variables.sum, request.kind.kind, request.resource.resource, request.name, string(request.dryRun)])",
        },
      ],
    });
    const said = async (attempt: Promise<unknown>) =>
      (await fails(attempt)).message.replace(/.*request: /, '');
    expect(await said(create(configmaps, aConfigMap('x', { a: 'b' })))).toBe(
      'aCREATE ConfigMap configmaps x false',
    );
    const user = { name: 'other', groups: [] };
    await create(configmaps, aConfigMap('x', { a: 'b' }), { user });
    const update = replaceObject(api, call(configmaps, 'x'), aConfigMap('x', { a: 'c' }));
    expect(await said(update)).toBe('aUPDATEb ConfigMap configmaps x false');
    // Its condition does not hold.
    await create(configmaps, { metadata: { name: 'none' } });
  });

  it('hears of deletes, and of namespaces', async () => {
    const { create, validate, api, call } = await aCluster();
    await create(configmaps, aConfigMap('x'));
    await validate(
      checks(
        "request.operation != 'DELETE' || oldObject.metadata.name != 'x'",
        'namespaceObject == null || request.resource.resource != "namespaces"',
      ),
    );
    expect((await fails(deleteObject(api, call(configmaps, 'x'), {}))).message).toContain(
      'configmaps "x" is forbidden',
    );
    await create(namespaces, { metadata: { name: 'other' } });
  });

  it('warns and notes where that is what the binding says', async () => {
    const { create, validate, warnings, notes } = await aCluster();
    await validate(
      {
        ...checks('false'),
        auditAnnotations: [
          { key: 'name', valueExpression: "'named ' + object.metadata.name" },
          { key: 'none', valueExpression: 'null' },
        ],
      },
      { validationActions: ['Warn', 'Audit'] },
    );
    await create(configmaps, aConfigMap('x'));
    expect(warnings).toEqual([
      "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: false",
    ]);
    expect(notes).toEqual({
      'p/name': 'named x',
      'validation.policy.admission.k8s.io/validation_failure':
        '[{"message":"failed expression: false","policy":"p","binding":"b","expressionIndex":0,"validationActions":["Warn","Audit"]}]',
    });
  });

  it('fails closed, or open', async () => {
    const closed = await aCluster();
    await closed.validate(checks('object.data.missing == 1'));
    expect((await fails(closed.create(configmaps, aConfigMap('x', { a: 'b' })))).message).toContain(
      "denied request: expression 'object.data.missing == 1' resulted in error: no such key: missing",
    );
    const open = await aCluster();
    await open.validate({
      ...checks('object.data.missing == 1', "object.data.a != 'b'"),
      failurePolicy: 'Ignore',
    });
    await open.create(configmaps, aConfigMap('y', { a: 'c' }));
    expect((await fails(open.create(configmaps, aConfigMap('x', { a: 'b' })))).message).toContain(
      'failed expression',
    );
  });

  it('is stopped by its budget', async () => {
    const { create, validate } = await aCluster();
    const items = `[${Array.from({ length: 100 }, (_, i) => i).join(',')}]`;
    await validate(checks(`${items}.all(a, ${items}.all(b, ${items}.all(c, a + b + c >= 0)))`));
    expect((await fails(create(configmaps, aConfigMap('x')))).message).toMatch(
      /resulted in error: operation cancelled: actual cost limit exceeded$/,
    );
  });

  it('lets others have their turn', async () => {
    const { create, validate } = await aCluster();
    const slow = 'lists.range(300).all(a, lists.range(100).all(b, a + b >= 0))';
    await validate(checks(...Array.from({ length: 8 }, () => slow)));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await create(configmaps, aConfigMap('x'));
    isDone = true;
    expect(turns).toBeGreaterThan(3);
  });

  it('asks the authorizer, each question once', async () => {
    const { create, validate, questions } = await aCluster();
    await validate(
      checks(
        "authorizer.group('').resource('secrets').namespace('default').check('get').allowed()",
        "authorizer.group('').resource('secrets').namespace('default').check('get').allowed() && !authorizer.requestResource.check('delete').allowed()",
        "authorizer.serviceAccount('default', 'bot').path('/healthz').check('post').reason() == 'about post'",
      ),
    );
    await create(configmaps, aConfigMap('x'));
    expect(questions).toMatchObject([
      {
        kind: 'resource',
        user: { name: 'tester' },
        verb: 'get',
        group: '',
        resource: 'secrets',
        namespace: 'default',
      },
      { kind: 'resource', verb: 'delete', resource: 'configmaps', namespace: 'default', name: 'x' },
      { kind: 'path', user: { name: 'system:serviceaccount:default:bot' }, verb: 'post', path: '/healthz' },
    ]);
  });

  it('is in force, changed and gone with the write that says so', async () => {
    const { create, validate, api, call } = await aCluster();
    await validate(checks('false'));
    await fails(create(configmaps, aConfigMap('x')));
    await deleteObject(api, call(validatingadmissionpolicybindings, 'b'), {});
    await create(configmaps, aConfigMap('x'));
    await create(validatingadmissionpolicybindings, {
      metadata: { name: 'b' },
      spec: { policyName: 'p', validationActions: ['Deny'] },
    });
    await fails(create(configmaps, aConfigMap('y')));
    const { metadata, spec } = await create(validatingadmissionpolicies, {
      metadata: { name: 'other' },
      spec: { matchConstraints: { resourceRules: [RULE] }, ...checks('true') },
    });
    expect(metadata.generation).toBe(1);
    expect(spec.failurePolicy).toBe('Fail');
    await deleteObject(api, call(validatingadmissionpolicies, 'p'), {});
    await create(configmaps, aConfigMap('y'));
  });
});

describe('what a policy is asked about', () => {
  const asked = async (
    spec: object,
    binding: object,
    attempt: (cluster: Awaited<ReturnType<typeof aCluster>>) => Promise<unknown>,
  ) => {
    const cluster = await aCluster();
    await cluster.validate({ ...checks("request.kind.kind + request.kind.version == ''"), ...spec }, binding);
    return attempt(cluster).then(
      () => false,
      (err: Error) => err.message.includes('denied request'),
    );
  };
  const rules = (over: object, more: object = {}): object => ({
    matchConstraints: { resourceRules: [{ ...RULE, ...over }], ...more },
  });
  const configMap = (cluster: Awaited<ReturnType<typeof aCluster>>) =>
    cluster.create(configmaps, { metadata: { name: 'x', labels: { a: 'b' } } });

  it.each<[string, object, object, boolean]>([
    ['its resources', rules({ resources: ['configmaps'] }), {}, true],
    ['other resources', rules({ resources: ['secrets'] }), {}, false],
    ['its operations', rules({ operations: ['CREATE'] }), {}, true],
    ['other operations', rules({ operations: ['UPDATE', 'DELETE'] }), {}, false],
    ['names', rules({ resourceNames: ['x'] }), {}, true],
    ['other names', rules({ resourceNames: ['y'] }), {}, false],
    ['scope', rules({ scope: 'Cluster' }), {}, false],
    ['its subresources', rules({ resources: ['configmaps/status'] }), {}, false],
    ['objects with labels', rules({}, { objectSelector: { matchLabels: { a: 'b' } } }), {}, true],
    ['objects with other labels', rules({}, { objectSelector: { matchLabels: { a: 'c' } } }), {}, false],
    ['namespaces with labels', rules({}, { namespaceSelector: { matchLabels: { team: 'a' } } }), {}, true],
    ['other namespaces', rules({}, { namespaceSelector: { matchLabels: { team: 'b' } } }), {}, false],
    [
      'what is not excluded',
      rules({}, { excludeResourceRules: [{ ...RULE, resources: ['secrets'] }] }),
      {},
      true,
    ],
    ['what is excluded', rules({}, { excludeResourceRules: [{ ...RULE, resourceNames: ['x'] }] }), {}, false],
    ['what the binding takes', {}, { matchResources: { objectSelector: { matchLabels: { a: 'b' } } } }, true],
    [
      'what the binding does not take',
      {},
      { matchResources: { resourceRules: [{ ...RULE, resources: ['pods'] }] } },
      false,
    ],
  ])('%s', async (_, spec, binding, expected) => {
    expect(await asked(spec, binding, configMap)).toBe(expected);
  });

  it('other versions of the same objects, unless it wants them exactly', async () => {
    const v2 = { apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['horizontalpodautoscalers'] };
    const create = ({ create }: Awaited<ReturnType<typeof aCluster>>) =>
      create(hpaV1, {
        metadata: { name: 'x' },
        spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' }, maxReplicas: 2 },
      });
    expect(await asked(rules(v2), {}, create)).toBe(true);
    expect(await asked(rules(v2, { matchPolicy: 'Exact' }), {}, create)).toBe(false);
  });

  it('never what configures admission itself', async () => {
    const cluster = await aCluster();
    await cluster.validate(checks('false'));
    await cluster.create(validatingadmissionpolicybindings, {
      metadata: { name: 'other' },
      spec: { policyName: 'p', validationActions: ['Deny'] },
    });
  });
});

describe('parameters', () => {
  const policy = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConstraints: { resourceRules: [{ ...RULE, resources: ['deployments'] }] },
    validations: [
      {
        expression: 'params == null || object.spec.replicas <= int(params.data.max)',
        messageExpression: "'at most ' + params.data.max + ' says ' + params.kind",
      },
    ],
  };
  const deployment = (replicas: number) => ({
    metadata: { name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });

  it('come by name, and are as they are now', async () => {
    const { create, validate, api, call } = await aCluster();
    await create(configmaps, aConfigMap('limits', { max: '2' }));
    await validate(policy, { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } });
    expect((await fails(create(deployments, deployment(3)))).message).toContain('at most 2 says ConfigMap');
    await replaceObject(api, call(configmaps, 'limits'), aConfigMap('limits', { max: '3' }));
    await create(deployments, deployment(3));
  });

  it('come by selector, and each is asked', async () => {
    const { create, validate } = await aCluster();
    for (const max of ['5', '3'])
      await create(configmaps, {
        metadata: { name: `max-${max}`, labels: { limits: 'yes' } },
        data: { max },
      });
    await validate(policy, {
      paramRef: { selector: { matchLabels: { limits: 'yes' } }, parameterNotFoundAction: 'Deny' },
    });
    expect((await fails(create(deployments, deployment(4)))).message).toContain('at most 3');
  });

  it.each([
    [
      'Deny',
      {},
      'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    ],
    ['Allow', {}, undefined],
    [
      'Deny',
      { kind: 'Nonsense' },
      "failed to configure policy: failed to find resource referenced by paramKind: '/v1, Kind=Nonsense'",
    ],
  ])('that are not there: %s %o', async (parameterNotFoundAction, kind, expected) => {
    const { create, validate } = await aCluster();
    await validate(
      { ...policy, paramKind: { ...policy.paramKind, ...kind } },
      { paramRef: { name: 'none', parameterNotFoundAction } },
    );
    const attempt = create(deployments, deployment(3));
    if (expected) expect((await fails(attempt)).message).toContain(`denied request: ${expected}`);
    else await attempt;
  });
});

describe('a policy as it is written', () => {
  it.each<[string, object, string]>([
    [
      'no validations',
      { validations: [] },
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
    ],
    [
      'syntax',
      checks('object.x ='),
      'spec.validations[0].expression: Invalid value: "object.x =": compilation failed: ERROR: <input>:1:10: Syntax error: token recognition error at: \'=\'',
    ],
    [
      'a name',
      checks('objekt.x'),
      "compilation failed: ERROR: <input>:1:1: undeclared reference to 'objekt' (in container '')\n | objekt.x\n | ^",
    ],
    [
      'a result',
      checks('object.x'),
      'spec.validations[0].expression: Invalid value: "object.x": must evaluate to bool but got dyn',
    ],
    [
      'a variable',
      {
        variables: [
          { name: 'x', expression: '1 +' },
          { name: 'in', expression: 'true' },
        ],
        ...checks('variables.y == 1'),
      },
      'spec.variables[1].name: Invalid value: "in": must be a valid CEL identifier',
    ],
    [
      'an unknown variable',
      { variables: [{ name: 'x', expression: '1' }], ...checks('variables.y == 1') },
      "undefined field 'y'",
    ],
    [
      'a type of a variable',
      { variables: [{ name: 'x', expression: "'a'" }], ...checks('variables.x == 1') },
      "found no matching overload for '_==_' applied to '(string, int)'",
    ],
    ['variables without any', checks('variables.y == 1'), "undeclared reference to 'variables'"],
    ['params without a kind', checks('params.x'), "undeclared reference to 'params'"],
    [
      'the authorizer in a message',
      {
        validations: [
          { expression: 'true', messageExpression: "authorizer.path('/').check('get').reason()" },
        ],
      },
      "undeclared reference to 'authorizer'",
    ],
    ['a field of the request', checks('request.foo == 1'), "undefined field 'foo'"],
    [
      'a condition',
      { matchConditions: [{ name: 'a b', expression: '1' }], ...checks('true') },
      'spec.matchConditions[0].expression: Invalid value: "1": must evaluate to bool but got int',
    ],
    [
      'a reason',
      { validations: [{ expression: 'true', reason: 'Gone' }] },
      'spec.validations[0].reason: Unsupported value: "Gone": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    ],
    [
      'a message of lines',
      { validations: [{ expression: 'true', message: 'a\nb' }] },
      'must not contain line breaks',
    ],
    [
      'an annotation',
      { auditAnnotations: [{ key: 'a', valueExpression: '1' }] },
      'must evaluate to one of [string null_type] but got int',
    ],
    [
      'constraints',
      { matchConstraints: {}, ...checks('true') },
      'spec.matchConstraints.resourceRules: Required value',
    ],
    [
      'a kind of parameters',
      { paramKind: { apiVersion: 'a/b/c', kind: '' }, ...checks('true') },
      'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    ],
  ])('is refused for %s', async (_, spec, expected) => {
    const { validate } = await aCluster();
    expect((await fails(validate(spec))).message).toContain(expected);
  });

  it.each<[string, object, string]>([
    [
      'actions',
      { validationActions: [] },
      'spec.validationActions: Required value: at least one validation action is required',
    ],
    ['both of two', { validationActions: ['Deny', 'Warn'] }, 'must not contain both Deny and Warn'],
    ['no name', { policyName: '' }, 'spec.policyName: Required value'],
    [
      'half a reference',
      { paramRef: { parameterNotFoundAction: 'Deny' } },
      'spec.paramRef: Required value: one of name or selector must be specified',
    ],
    ['no action', { paramRef: { name: 'x' } }, 'spec.paramRef.parameterNotFoundAction: Required value'],
  ])('and its binding for %s', async (_, binding, expected) => {
    const { validate } = await aCluster();
    expect((await fails(validate(checks('true'), binding))).message).toContain(expected);
  });
});
