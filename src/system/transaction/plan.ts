import { dirname } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';
import type { Command } from '../command.ts';
import type { Managers } from '../managers/detect-managers.ts';
import type { FileSystem } from './file-system.ts';
import { type FileState, keptBeside, readState, sameContent } from './file-state.ts';
import { isMarked } from './mark.ts';
import { networkManagerPart } from '../managers/network-manager.ts';
import { type Notice, type Part, resolvConfPart, writerParts } from '../managers/parts.ts';
import { isStubInUse, resolvedPart } from '../managers/resolved.ts';
import { RESOLV_CONF, RESOLV_CONF_PORT } from '../managers/resolv-conf.ts';
import type { Target } from '../target.ts';

/** What one path is, and what it will be. */
export interface FileChange {
  readonly path: string;
  readonly before: FileState;
  readonly after: FileState;
}

/** All that making dns4tor the system's resolver takes. It is data: looking at it changes nothing. */
export interface Plan {
  /** The managers that were found, for people. */
  readonly managers: readonly string[];
  /** In the order in which they are made; the commands stand between those of the managers and that of resolv.conf. */
  readonly steps: readonly Step[];
  /** What has the managers take note when the files are as before. */
  readonly restore: readonly Command[];
  /** Directories that the files need and that are not there, the outer ones first. */
  readonly directories: readonly string[];
}

export type Step =
  | { readonly change: FileChange }
  /** A copy of somebody else's version, made before the next step replaces that. */
  | { readonly keep: FileChange }
  | Notice;

/** The state of an earlier installation's files. */
export interface Earlier {
  /** Still as written. Parts whose files are all among these are left out. @default none */
  readonly inPlace?: readonly FileChange[];
  /** Changed or removed since. They are written again, whoever changed them. @default none */
  readonly lost?: readonly FileChange[];
}

/**
 * Works out what to change.
 *
 * @throws {Dns4torError} ERR_SYSTEM_PORT where resolv.conf would have to name another port than 53; ERR_SYSTEM_MARKED where files of a former
 *   installation lie about whose journal is lost: what was there before them is not known
 */
export async function computePlan(
  fs: FileSystem,
  managers: Managers,
  target: Target,
  { inPlace = [], lost = [] }: Earlier = {},
): Promise<Plan> {
  const again = new Map(lost.map((change) => [change.path, change]));
  const isStub = isStubInUse(managers) && !again.has(RESOLV_CONF);
  if (!isStub && target.port !== RESOLV_CONF_PORT) throw new Dns4torError('ERR_SYSTEM_PORT', `port ${target.port}`);
  const services = [
    ...(managers.resolved ? [resolvedPart(target)] : []),
    ...(managers.networkManager === undefined ? [] : [networkManagerPart(managers.networkManager, managers.resolved)]),
  ];
  const settled = new Set(inPlace.map(({ path }) => path));
  const parts = [
    ...services,
    ...writerParts(managers),
    ...(isStub ? [] : [resolvConfPart(managers, target.address)]),
  ].filter(({ files }) => !files.every(({ path }) => settled.has(path)));
  const paths = parts.flatMap(({ files }) => files.map(({ path }) => path));
  const steps: Step[] = [];
  // Files of managers that are not running now.
  for (const change of lost) if (!paths.includes(change.path)) steps.push(...(await writeAgain(fs, change)));
  for (const part of parts) {
    for (const file of part.files) {
      const change = again.get(file.path);
      const written =
        change === undefined ? [{ change: await toChange(fs, file, managers) }] : await writeAgain(fs, change);
      steps.push(...written);
    }
    steps.push(...part.apply);
  }
  return {
    managers: [...new Set(parts.map(({ name }) => name))],
    steps,
    restore: parts.flatMap(({ restore }) => restore),
    directories: await missingDirectories(fs, [...paths, ...again.keys()]),
  };
}

/** The file changes of a plan. */
export function changesOf({ steps }: Plan): readonly FileChange[] {
  return steps.flatMap((step) => ('change' in step ? [step.change] : []));
}

/** The copies of somebody else's versions. */
export function keptOf({ steps }: Plan): readonly FileChange[] {
  return steps.flatMap((step) => ('keep' in step ? [step.keep] : []));
}

async function writeAgain(fs: FileSystem, { path, before, after }: FileChange): Promise<readonly Step[]> {
  const found = await readState(fs, path);
  // The journal has the version from before the installation.
  const isKnown = found.kind === 'absent' || sameContent(found, before);
  return [
    ...(isKnown ? [] : [{ keep: await keptBeside(fs, path, found, 'before-install') }]),
    { change: { path, before: found, after } },
  ];
}

async function toChange(fs: FileSystem, file: Part['files'][number], { owner }: Managers): Promise<FileChange> {
  const before = await readState(fs, file.path);
  if (before.kind === 'file' && isMarked(before.bytes)) throw new Dns4torError('ERR_SYSTEM_MARKED', file.path);
  const kept = before.kind === 'file' ? before : { bytes: new Uint8Array(), mode: 0o644, ...owner };
  const { mode, uid, gid } = kept;
  return { path: file.path, before, after: { kind: 'file', bytes: putInto(kept.bytes, file), mode, uid, gid } };
}

function putInto(kept: Uint8Array, { text, place }: Part['files'][number]): Uint8Array {
  if (place === undefined) return Buffer.from(text);
  if (place === 'end') return Buffer.concat([asLines(kept), Buffer.from(text)]);
  // latin1 maps each byte to one character, so bytes that are not UTF-8 survive.
  return Buffer.from(
    Buffer.from(kept)
      .toString('latin1')
      .replace(place, () => text),
    'latin1',
  );
}

/** With the end of the last line, which some editors leave out. */
function asLines(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 || bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.of(0x0a)]);
}

async function missingDirectories(fs: FileSystem, paths: readonly string[]): Promise<readonly string[]> {
  const missing = new Set<string>();
  for (const path of paths) {
    const chain: string[] = [];
    for (let folder = dirname(path); (await fs.inspect(folder)) === undefined; folder = dirname(folder))
      chain.unshift(folder);
    for (const folder of chain) missing.add(folder);
  }
  return [...missing];
}
