import type { GroupVersionKind } from '#proto/schema/schema.ts';
import type { Body, Operation, Parameter, Path } from '#server/apiserver/openapi/operations.ts';
import type { JsonSchema } from '#server/apiserver/openapi/schemas.ts';

/** References to definitions, made when they are first needed. */
export interface PathSchemas {
  object(kind: GroupVersionKind): JsonSchema | undefined;
  /** The body of a PATCH, which may be of any shape. */
  patch(): JsonSchema;
}

type Written = Record<string, unknown>;

const JSON_AND_YAML = ['application/json', 'application/yaml'];
const STREAM = 'application/json;stream=watch';
const ANY = ['*/*'];
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const TEXTS: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

/** The paths of one resource as OpenAPI 3.0 writes them. `custom`: it has no Go type to patch by. */
export const pathsV3 = (paths: readonly Path[], schemas: PathSchemas, custom: boolean): Written =>
  written(paths, parameterV3, (operation) => {
    const { request, parameters } = operation;
    const schema = schemaOf(operation.response, schemas);
    const content = (types: readonly string[], of: JsonSchema | undefined): Written =>
      of ? { content: Object.fromEntries(types.map((type) => [type, { schema: of }])) } : {};
    return {
      ...common(operation),
      ...(parameters.length > 0 ? { parameters: parameters.map(parameterV3) } : {}),
      ...(request
        ? {
            requestBody: {
              ...content(readTypes(operation, custom), schemaOf(request.body, schemas)),
              ...(request.required ? { required: true } : {}),
            },
          }
        : {}),
      responses: responses(operation, content(writtenTypes(operation), schema)),
    };
  });

/** The same as Swagger 2.0 writes them. */
export const pathsV2 = (paths: readonly Path[], schemas: PathSchemas, custom: boolean): Written =>
  written(paths, parameterV2, (operation) => {
    const { request } = operation;
    const schema = schemaOf(operation.response, schemas);
    const body = request && {
      in: 'body',
      name: 'body',
      ...(request.required ? { required: true } : {}),
      schema: schemaOf(request.body, schemas),
    };
    const parameters = [...(body ? [body] : []), ...operation.parameters.map(parameterV2)];
    return {
      ...common(operation),
      consumes: readTypes(operation, custom),
      produces: writtenTypes(operation),
      schemes: ['https'],
      ...(parameters.length > 0 ? { parameters } : {}),
      responses: responses(operation, schema ? { schema } : {}),
    };
  });

function written(
  paths: readonly Path[],
  parameter: (of: Parameter) => Written,
  operation: (of: Operation) => Written,
): Written {
  return Object.fromEntries(
    paths.map(({ path, parameters, operations }) => [
      path,
      {
        ...Object.fromEntries(operations.map((own) => [own.method, operation(own)])),
        parameters: parameters.map(parameter),
      },
    ]),
  );
}

const parameterV2 = ({ type, ...rest }: Parameter): Written => ({
  ...rest,
  ...(rest.in === 'path' ? { required: true } : {}),
  type,
  uniqueItems: true,
});

const parameterV3 = ({ type, ...rest }: Parameter): Written => ({
  ...rest,
  ...(rest.in === 'path' ? { required: true } : {}),
  schema: { type, uniqueItems: true },
});

const common = ({ tag, description, id, action, kind }: Operation): Written => ({
  tags: [tag],
  description,
  operationId: id,
  'x-kubernetes-action': action,
  'x-kubernetes-group-version-kind': { group: kind.group, kind: kind.kind, version: kind.version },
});

const writtenTypes = ({ response, streams }: Operation): readonly string[] =>
  response === 'text' ? ANY : streams ? [...JSON_AND_YAML, STREAM] : JSON_AND_YAML;

function readTypes({ request }: Operation, custom: boolean): readonly string[] {
  if (request?.body !== 'patch') return ANY;
  return custom ? PATCH_TYPES.filter((type) => !type.includes('strategic')) : PATCH_TYPES;
}

const responses = ({ codes }: Operation, content: Written): Written => ({
  ...Object.fromEntries(codes.map((code) => [code, { description: TEXTS[code], ...content }])),
  401: { description: 'Unauthorized' },
});

function schemaOf(body: Body, schemas: PathSchemas): JsonSchema | undefined {
  if (body === 'patch') return schemas.patch();
  return body === 'text' ? { type: 'string' } : schemas.object(body.kind);
}
