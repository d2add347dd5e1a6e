import { dirname } from 'node:path';
import { Dns4torError } from '../../failures/errors.ts';
import type { Command } from '../command.ts';
import type { Target } from '../machine.ts';
import type { Managers } from '../managers/detect-managers.ts';
import { type ManagerConfig, type ReloadCommand, resolvConfConfig, writerConfigs } from '../managers/manager-config.ts';
import { networkManagerConfig } from '../managers/network-manager.ts';
import { RESOLV_CONF, RESOLV_CONF_PORT } from '../managers/resolv-conf.ts';
import { isStubInUse, resolvedConfig } from '../managers/resolved.ts';
import { backupChange, type FileState, readState, sameContent } from './file-state.ts';
import type { FileSystem } from './file-system.ts';
import { isMarked } from './mark.ts';

/** The state of one path before and after a change. */
export interface FileChange {
  readonly path: string;
  readonly before: FileState;
  readonly after: FileState;
}

/** Everything that has to be done to make dns4tor the system's resolver. Plain data: nothing has been changed yet. */
export interface Plan {
  /** Display names of the managers that are configured. */
  readonly managers: readonly string[];
  /** In order. Each manager reloads after its files are written; resolv.conf comes last. */
  readonly steps: readonly Step[];
  /** Commands that make the managers read the restored files. */
  readonly restore: readonly Command[];
  /** Directories to create for the files, outer ones first. */
  readonly directories: readonly string[];
}

/** One step of a plan. `backup` copies an edited version just before the next step replaces it. */
export type Step = { readonly change: FileChange } | { readonly backup: FileChange } | ReloadCommand;

/** The files of an existing installation. */
export interface ExistingFiles {
  /** Files that are still as written. A manager whose files are all intact is left out. @default none */
  readonly intact?: readonly FileChange[];
  /** Files that were edited or removed since. They are written again. @default none */
  readonly altered?: readonly FileChange[];
}

/**
 * Computes what to change.
 *
 * @throws {Dns4torError} ERR_SYSTEM_PORT if resolv.conf would have to name a port other than 53; ERR_SYSTEM_MARKED if a
 *   file of an earlier installation exists but no journal, so that its original is unknown
 */
export async function computePlan(
  fs: FileSystem,
  managers: Managers,
  target: Target,
  { intact = [], altered = [] }: ExistingFiles = {},
): Promise<Plan> {
  const alteredByPath = new Map(altered.map((change) => [change.path, change]));
  const isStub = isStubInUse(managers) && !alteredByPath.has(RESOLV_CONF);
  if (!isStub && target.port !== RESOLV_CONF_PORT) throw new Dns4torError('ERR_SYSTEM_PORT', `port ${target.port}`);
  const intactPaths = new Set(intact.map(({ path }) => path));
  const { networkManager, resolved } = managers;
  const configs = [
    ...(resolved ? [resolvedConfig(target)] : []),
    ...(networkManager === undefined ? [] : [networkManagerConfig(networkManager, resolved)]),
    ...writerConfigs(managers),
    ...(isStub ? [] : [resolvConfConfig(managers, target.address)]),
  ].filter(({ files }) => !files.every(({ path }) => intactPaths.has(path)));
  const paths = configs.flatMap(({ files }) => files.map(({ path }) => path));
  const steps: Step[] = [];
  // Altered files of managers that are not running now.
  for (const change of altered) if (!paths.includes(change.path)) steps.push(...(await rewrite(fs, change)));
  for (const config of configs) {
    for (const file of config.files) {
      const change = alteredByPath.get(file.path);
      steps.push(
        ...(change === undefined ? [{ change: await toChange(fs, file, managers) }] : await rewrite(fs, change)),
      );
    }
    steps.push(...config.apply);
  }
  return {
    managers: [...new Set(configs.map(({ name }) => name))],
    steps,
    restore: configs.flatMap(({ restore }) => restore),
    directories: await missingDirectories(fs, [...paths, ...alteredByPath.keys()]),
  };
}

/** Returns the file changes of a plan. */
export function changesOf({ steps }: Plan): readonly FileChange[] {
  return steps.flatMap((step) => ('change' in step ? [step.change] : []));
}

/** Returns the copies of edited versions that a plan makes. */
export function backupsOf({ steps }: Plan): readonly FileChange[] {
  return steps.flatMap((step) => ('backup' in step ? [step.backup] : []));
}

/** Writes an altered file again, after a backup unless the journal has the same version. */
async function rewrite(fs: FileSystem, { path, before, after }: FileChange): Promise<readonly Step[]> {
  const found = await readState(fs, path);
  const isKnown = found.kind === 'absent' || sameContent(found, before);
  return [
    ...(isKnown ? [] : [{ backup: await backupChange(fs, path, found, 'before-install') }]),
    { change: { path, before: found, after } },
  ];
}

type ConfigFile = ManagerConfig['files'][number];

async function toChange(fs: FileSystem, file: ConfigFile, { owner }: Managers): Promise<FileChange> {
  const before = await readState(fs, file.path);
  if (before.kind === 'file' && isMarked(before.bytes)) throw new Dns4torError('ERR_SYSTEM_MARKED', file.path);
  const original = before.kind === 'file' ? before : { bytes: new Uint8Array(), mode: 0o644, ...owner };
  const { mode, uid, gid } = original;
  return { path: file.path, before, after: { kind: 'file', bytes: insert(original.bytes, file), mode, uid, gid } };
}

function insert(original: Uint8Array, { text, place }: ConfigFile): Uint8Array {
  if (place === undefined) return Buffer.from(text);
  if (place === 'end') return Buffer.concat([withFinalNewline(original), Buffer.from(text)]);
  // latin1 maps each byte to one character, so bytes that are not UTF-8 survive.
  return Buffer.from(
    Buffer.from(original)
      .toString('latin1')
      .replace(place, () => text),
    'latin1',
  );
}

/** Some editors leave out the newline at the end of the last line. */
function withFinalNewline(bytes: Uint8Array): Uint8Array {
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
