import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';

interface PageFile {
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Reads the file of the status page at a request path. Resolves to undefined if there is none. */
export type ReadPageFile = (path: string) => Promise<PageFile | undefined>;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Matches one file name without a leading dot or a slash, so that no path leads outside the folder. */
const PAGE_PATH = /^\/page\/([a-z][a-z-]*\.(?:css|js|svg))$/;

/**
 * Serves the files of the status page. Each is read on request: a page that is rarely opened should not occupy memory.
 * @param folder directory of the built page
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
