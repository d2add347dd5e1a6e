import { isIP } from 'node:net';
import { ZONE } from '../../../lib/ip-address.ts';
import { isReservedName, toHostName } from '../../../model/names/host-name.ts';
import type { OwnName } from '../../../model/names/own-name.ts';
import type { Parsed } from '../../config-problem.ts';
import { readSmallFile } from '../../files.ts';

/** The names of a hosts file. */
export interface HostsFile {
  readonly path: string;
  /** In the file's order: the first name of an address is the one that its PTR record has. */
  readonly names: readonly OwnName[];
  /** Numbers of the lines that are not understood, from 1 on. */
  readonly wrongLines: readonly number[];
}

/**
 * Reads a hosts file (hosts(5)): per line an address, then its names, then perhaps a comment. A wrong line does not
 * affect the others, because other programs write such files, too: macOS has `fe80::1%lo0 localhost`. `localhost` and
 * `.onion` names are skipped, because standards define them.
 */
export function readHostsFile(path: string): Parsed<HostsFile> {
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  const names: OwnName[] = [];
  const wrongLines: number[] = [];
  for (const [index, line] of file.value.split('\n').entries()) {
    const [content = ''] = line.split('#', 1);
    const [address = '', ...words] = content.trim().split(/\s+/);
    if (address === '') continue;
    const hosts = words.map(toHostName);
    if (isIP(address) === 0 || address.includes(ZONE) || hosts.length === 0 || hosts.includes(undefined)) {
      wrongLines.push(index + 1);
      continue;
    }
    for (const name of hosts) if (name !== undefined && !isReservedName(name)) names.push({ name, address });
  }
  return { value: { path, names, wrongLines } };
}
