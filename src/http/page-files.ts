import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

interface PageFile {
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** A file of the status page by the path that is asked for; undefined where there is none. */
export type ReadPageFile = (path: string) => Promise<PageFile | undefined>;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** One name, not hidden and in no other folder: nothing else can be read, whatever the path. */
const PAGE_PATH = /^\/page\/([a-z][a-z-]*\.(?:css|js|svg))$/;

/**
 * Reads each file when it is asked for: a page that is opened now and then needs no place in memory.
 * @param folder where the page was built to
 */
export function createPageFiles(folder: URL): ReadPageFile {
  return async (path) => {
    const name = path === '/' ? 'index.html' : PAGE_PATH.exec(path)?.[1];
    const contentType = name && CONTENT_TYPES[extname(name)];
    if (name === undefined || contentType === undefined) return undefined;
    try {
      return { contentType, body: await readFile(new URL(name, folder)) };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  };
}
