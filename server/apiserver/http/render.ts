import { stringify } from 'yaml';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { badRequest, StatusError } from '#proto/meta/status-error.ts';
import {
  type BytesAnswer,
  JSON_TYPE,
  jsonAnswer,
  type PartsAnswer,
} from '#server/apiserver/http/exchange.ts';
import type { Form } from '#server/apiserver/http/negotiate.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import type { ListPage } from '#server/apiserver/rest/list.ts';
import {
  type IncludeObject,
  partialMetadata,
  type TableOptions,
  tableOf,
} from '#server/apiserver/table/table.ts';
import type { Entry } from '#server/store/store.ts';

const encoder = new TextEncoder();
const COMMA = encoder.encode(',');
const END = encoder.encode(']}');

/** How objects become bodies for one request. Plain JSON reuses the bytes that are stored. */
export interface Renderer {
  readonly form: Form;
  readonly resource: Resource;
  readonly include: IncludeObject;
  readonly now: number;
}

export function includeOf(query: URLSearchParams): IncludeObject {
  const text = query.get('includeObject');
  if (text === null || text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(text)}`);
}

export function renderObject(renderer: Renderer, code: number, entry: Entry): BytesAnswer {
  const { form } = renderer;
  switch (form.as) {
    case 'table': {
      const object = objectOf(entry);
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      return encode(form, code, tableOf(renderer.resource, [object], metadata, tableOptions(renderer)));
    }
    case 'metadata':
    case 'metadata-list': {
      if (form.as === 'metadata-list') throw wrongForm(renderer, false);
      return encode(form, code, partialMetadata(objectOf(entry), form.version));
    }
    case 'object':
      if (form.media === JSON_TYPE) return { kind: 'bytes', code, contentType: JSON_TYPE, body: entry.bytes };
      return encode(form, code, objectOf(entry));
  }
}

export function renderList(renderer: Renderer, page: ListPage): BytesAnswer | PartsAnswer {
  const { form, resource } = renderer;
  const metadata = {
    resourceVersion: String(page.revision),
    ...(page.continue ? { continue: page.continue } : {}),
    ...(page.remainingItemCount === undefined ? {} : { remainingItemCount: page.remainingItemCount }),
  };
  const objects = (): KubeObject[] => page.entries.map(objectOf);
  switch (form.as) {
    case 'table':
      return encode(form, 200, tableOf(resource, objects(), metadata, tableOptions(renderer)));
    case 'metadata':
      throw wrongForm(renderer, true);
    case 'metadata-list':
      return encode(form, 200, {
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${form.version}`,
        metadata,
        items: objects().map((object) => partialMetadata(object, form.version)),
      });
    case 'object': {
      const head = { kind: resource.listKind, apiVersion: apiVersionOf(resource), metadata };
      if (form.media !== JSON_TYPE) return encode(form, 200, { ...head, items: objects() });
      return { kind: 'parts', code: 200, contentType: JSON_TYPE, parts: listParts(head, page.entries) };
    }
  }
}

/** 406 where one object is asked for as a list, or a list as one. */
function wrongForm({ resource }: Renderer, isList: boolean): StatusError {
  const what = isList ? 'PartialObjectMetadata' : 'PartialObjectMetadataList';
  const group = resource.group === '' ? 'core' : (resource.group.split('.')[0] ?? '');
  const kind = isList ? resource.listKind : resource.kind;
  const is = isList ? 'is a list' : 'is not a list';
  return new StatusError(
    'NotAcceptable',
    `you requested ${what}, but the requested object ${is} (*${group}.${kind})`,
  );
}

/** Any other value (a Status, a discovery document) in the media type that was asked for. */
export function encode(form: Form, code: number, value: unknown): BytesAnswer {
  if (form.media === JSON_TYPE) return jsonAnswer(code, value);
  // Through JSON: what is undefined there is absent here as well.
  const body = encoder.encode(stringify(JSON.parse(JSON.stringify(value))));
  return { kind: 'bytes', code, contentType: 'application/yaml', body };
}

const tableOptions = ({ form, include, now }: Renderer): TableOptions => ({
  version: form.version,
  include,
  now,
});

/** `{…,"items":[a,b]}` of stored bytes. */
function listParts(head: object, entries: readonly Entry[]): Uint8Array[] {
  const parts: Uint8Array[] = [encoder.encode(`${JSON.stringify(head).slice(0, -1)},"items":[`)];
  for (const [i, entry] of entries.entries()) {
    if (i > 0) parts.push(COMMA);
    parts.push(entry.bytes);
  }
  parts.push(END);
  return parts;
}
