import { open } from 'node:fs/promises';
import { Dns4torError } from '../../failures/errors.ts';
import { type ListKind, ListParser, type NameSink } from '../../policy/blocking/list-parser.ts';
import { NameSet } from '../../policy/blocking/name-set.ts';

/** A file of names to block or to exempt from blocking. */
export interface ListFile {
  readonly path: string;
  readonly kind: ListKind;
}

/** What was found in a file. */
export interface ListReport extends ListFile {
  /** Names in it, including repetitions. */
  readonly names: number;
  /** Lines that are not understood, and have no effect. */
  readonly otherLines: number;
}

/** Names of all lists, and a report for each file. */
export interface Lists {
  readonly names: NameSet;
  readonly reports: readonly ListReport[];
}

/** About 3000 names, which are parsed in 2 ms. In between, queries are answered. */
const SLICE_BYTES = 64 * 1024;

/**
 * Loads lists. Reads each file twice: first to count the names, so that the table is allocated once with the right
 * size.
 * @param key random octets, HASH_KEY_BYTES of them
 * @throws Dns4torError ERR_LIST_FILE
 */
export async function loadLists(files: readonly ListFile[], key: Uint8Array): Promise<Lists> {
  const reports: ListReport[] = [];
  for (const file of files) {
    let names = 0;
    const otherLines = await readList(file, { add: () => names++ });
    reports.push({ ...file, names, otherLines });
  }
  const total = reports.reduce((sum, { names }) => sum + names, 0);
  const names = new NameSet(key, total);
  for (const file of files) await readList(file, names);
  return { names, reports };
}

/** Passes the names of a file on. Returns the number of lines that are not understood. */
async function readList(file: ListFile, sink: NameSink): Promise<number> {
  const parser = new ListParser(sink, file.kind);
  try {
    await using handle = await open(file.path);
    const buffer = new Uint8Array(SLICE_BYTES);
    for (;;) {
      const { bytesRead } = await handle.read(buffer);
      if (bytesRead === 0) break;
      parser.push(buffer.subarray(0, bytesRead));
    }
    parser.end();
  } catch (error) {
    throw new Dns4torError('ERR_LIST_FILE', file.path, error);
  }
  return parser.otherLines;
}
