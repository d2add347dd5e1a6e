import type { FileSystem } from '../../src/system/transaction/file-system.ts';

/**
 * How a file system fails at one of its operations: that one alone, not done (a disk that is full) or done (an error that comes late); or that one
 * and all that follow, as if the process had died or the power been cut there.
 */
export type Failing = 'once before' | 'once after' | 'for good';

export interface FailingFileSystem {
  readonly fs: FileSystem;
  /** Whether there was an operation of that number. */
  readonly hasFailed: boolean;
}

const LOOKS: ReadonlySet<keyof FileSystem> = new Set(['inspect', 'read', 'readLink', 'list']);

/** @param nth counts from 1 */
export function failAt(inner: FileSystem, nth: number, failing: Failing): FailingFileSystem {
  let count = 0;
  let hasFailed = false;
  const fs = new Proxy(inner, {
    get(target, name: keyof FileSystem) {
      return async (...args: readonly unknown[]): Promise<unknown> => {
        // Dying before one that only looks leaves the disk as dying before the next that changes it does.
        if (failing !== 'for good' || !LOOKS.has(name)) count++;
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

/** A file system whose operations of these names fail for these reasons, for good. */
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
