import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { asList, type FieldTree, isLeaf } from '#server/apiserver/apply/field-tree.ts';
import { itemKey, type Shape, valueKey } from '#server/apiserver/apply/typed.ts';

/** `live` with what `config` says; what `config` does not speak of stays. Inputs stay as they were. */
export function mergeApplied(live: unknown, config: unknown, shape: Shape): unknown {
  if (config === null) return undefined;
  switch (shape.kind) {
    case 'atomic':
      return config;
    case 'fields': {
      if (!isObject(config)) return config;
      const result: JsonObject = isObject(live) ? { ...live } : {};
      for (const [name, value] of Object.entries(config)) {
        const merged = mergeApplied(result[name], value, shape.of(name));
        if (merged === undefined) delete result[name];
        else result[name] = merged;
      }
      return result;
    }
    case 'set': {
      const have = new Set(asList(live).map(valueKey));
      return [...asList(live), ...asList(config).filter((item) => !have.has(valueKey(item)))];
    }
    case 'list-map': {
      const wished = new Map(asList(config).map((item) => [itemKey(shape, item), item]));
      const result = asList(live).map((item) => {
        const key = itemKey(shape, item);
        const mine = wished.get(key);
        wished.delete(key);
        return mine === undefined ? item : mergeApplied(item, mine, shape.items);
      });
      return [...result, ...wished.values()];
    }
  }
}

/** `live` without the fields of `gone` that nobody in `kept` owns. */
export function prune(live: unknown, gone: FieldTree, kept: FieldTree, shape: Shape): unknown {
  switch (shape.kind) {
    case 'atomic':
      return live;
    case 'fields': {
      if (!isObject(live)) return live;
      const result: JsonObject = { ...live };
      for (const [key, inner] of Object.entries(gone)) {
        const name = key.slice(2);
        if (!key.startsWith('f:') || !Object.hasOwn(result, name)) continue;
        const keeps = kept[key];
        if (!keeps) delete result[name];
        else if (!isLeaf(inner)) result[name] = prune(result[name], inner, keeps, shape.of(name));
      }
      return result;
    }
    case 'set':
      return asList(live).filter((item) => !isGone(valueKey(item), gone, kept));
    case 'list-map':
      return asList(live)
        .filter((item) => !isGone(itemKey(shape, item), gone, kept))
        .map((item) => {
          const key = itemKey(shape, item);
          const inner = gone[key];
          return inner ? prune(item, inner, kept[key] ?? {}, shape.items) : item;
        });
  }
}

const isGone = (key: string, gone: FieldTree, kept: FieldTree): boolean => key in gone && !(key in kept);
