/** Bytes that count how often they are read. Tests bound work by counting it instead of timing it. */
export interface CountedBytes {
  readonly wire: Uint8Array;
  readonly reads: () => number;
  /** The highest index that was read; -1 before the first. */
  readonly furthest: () => number;
}

export function countReads(bytes: Uint8Array): CountedBytes {
  let reads = 0;
  let furthest = -1;
  const wire = new Proxy(bytes, {
    get(target, property) {
      const index = typeof property === 'string' ? Number(property) : Number.NaN;
      if (!Number.isNaN(index)) {
        reads++;
        furthest = Math.max(furthest, index);
        return target[index];
      }
      // Methods and getters of typed arrays do not accept a proxy as `this`.
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { wire, reads: () => reads, furthest: () => furthest };
}
