import { type Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { FileSystem } from './transaction/file-system.ts';
import { type Journal, readJournal } from './transaction/journal.ts';
import { isOfPause } from './paused.ts';

/** Whether `dns4tor install` is in effect on this machine. */
export type Standing =
  | { readonly state: 'absent' }
  | { readonly state: 'paused' }
  | { readonly state: 'installed'; readonly journal: Journal }
  /** A journal exists but cannot be used; it may be that of a pause. ERR_SYSTEM_FILE: only root may read it. */
  | { readonly state: 'installed'; readonly journal?: undefined; readonly error: Dns4torError };

/** Reads it as far as this user's permissions allow. Never rejects. */
export async function readStanding(fs: FileSystem): Promise<Standing> {
  try {
    const journal = await readJournal(fs);
    if (journal === undefined) return { state: 'absent' };
    return isOfPause(journal) ? { state: 'paused' } : { state: 'installed', journal };
  } catch (thrown) {
    return { state: 'installed', error: toDns4torError(thrown) };
  }
}
