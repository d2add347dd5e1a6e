import type { Target } from '../machine.ts';
import { readState, removeTemporary, writeState } from './file-state.ts';
import type { Attributes, FileSystem } from './file-system.ts';

/**
 * Progress of an installation. `applying`, `restoring`, `pausing` and `resuming` exist only while a command runs, or
 * after it was interrupted; some files are then original and others are ours.
 */
export type Phase = 'applying' | 'unconfirmed' | 'installed' | 'restoring' | 'pausing' | 'paused' | 'resuming';

/**
 * What every user may know of an installation. Only root can read the journal, which has copies of files; the daemon,
 * which is not root, must know whether names are supposed to lead to it.
 */
export interface Notice {
  readonly phase: Phase;
  readonly target: Target;
  /** Whether systemd-resolved was configured. */
  readonly usesResolved: boolean;
}

/** Not in the journal's directory, which only root may enter. */
const PATH = '/var/lib/dns4tor-install.json';

const VERSION = 1;

/** @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function writeNotice(
  fs: FileSystem,
  notice: Notice,
  { uid, gid }: Pick<Attributes, 'uid' | 'gid'>,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify({ version: VERSION, ...notice })}\n`);
  await writeState(fs, PATH, { kind: 'file', bytes, mode: 0o644, uid, gid });
}

/**
 * Undefined if there is none.
 * @throws if it cannot be read or parsed
 */
export async function readNotice(fs: FileSystem): Promise<Notice | undefined> {
  const state = await readState(fs, PATH);
  if (state.kind !== 'file') return undefined;
  const { version, ...notice } = JSON.parse(Buffer.from(state.bytes).toString()) as { version: number } & Notice;
  if (version !== VERSION) throw new Error(`version ${version}`);
  return notice;
}

/** @throws {Dns4torError} ERR_SYSTEM_FILE */
export async function removeNotice(fs: FileSystem): Promise<void> {
  await removeTemporary(fs, PATH);
  if ((await fs.inspect(PATH)) !== undefined) await writeState(fs, PATH, { kind: 'absent' });
}
