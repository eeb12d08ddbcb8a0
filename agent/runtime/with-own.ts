import type { Runtime } from './runtime.ts';

/** The same runtime with some of its methods in place of its own. */
export function withOwn<T extends Runtime>(runtime: T, own: Partial<Runtime>): T {
  return new Proxy(runtime, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name as keyof typeof own];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
