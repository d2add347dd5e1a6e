import type { FileSystem } from '../../src/system/transaction/file-system.ts';

/**
 * How one operation fails: once without having been done (a full disk), once after it was done (a late error), or for
 * good with all later operations, as if the process had died.
 */
export type Failing = 'once before' | 'once after' | 'for good';

export interface FailingFileSystem {
  readonly fs: FileSystem;
  /** Whether the nth operation was reached. */
  readonly hasFailed: boolean;
}

const READ_ONLY: ReadonlySet<keyof FileSystem> = new Set(['inspect', 'read', 'readLink', 'list']);

/** Makes the nth operation fail. @param nth counts from 1 */
export function failAt(inner: FileSystem, nth: number, failing: Failing): FailingFileSystem {
  let count = 0;
  let hasFailed = false;
  const fs = new Proxy(inner, {
    get(target, name: keyof FileSystem) {
      return async (...args: readonly unknown[]): Promise<unknown> => {
        // Read-only operations are skipped: dying before one equals dying before the next change.
        if (failing !== 'for good' || !READ_ONLY.has(name)) count++;
        const fails = count === nth || (count > nth && failing === 'for good');
        const call = (): Promise<unknown> =>
          (target[name] as (...all: readonly unknown[]) => Promise<unknown>)(...args);
        if (!fails) return call();
        hasFailed = true;
        if (failing === 'once after') await call();
        throw Object.assign(new Error(`EIO: ${name}`), { code: 'EIO' });
      };
    },
  });
  return {
    fs,
    get hasFailed() {
      return hasFailed;
    },
  };
}

/** Makes the named operations always fail with these codes. */
export function failWith(
  inner: FileSystem,
  reasons: Readonly<Partial<Record<keyof FileSystem, string>>>,
  isMeant: (path: string) => boolean = () => true,
): FileSystem {
  return new Proxy(inner, {
    get(target, name: keyof FileSystem) {
      return async (path: string, ...rest: readonly unknown[]): Promise<unknown> => {
        const code = reasons[name];
        if (code !== undefined && isMeant(path)) throw Object.assign(new Error(`${code}: ${name}`), { code });
        return (target[name] as (...all: readonly unknown[]) => Promise<unknown>)(path, ...rest);
      };
    },
  });
}
