import { type Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { FileSystem } from './transaction/file-system.ts';
import { isPause, type Journal, readJournal } from './transaction/journal.ts';
import { readNotice } from './transaction/notice.ts';

/** Whether `dns4tor install` is in effect on this machine. */
export type Installation =
  | { readonly state: 'absent' }
  | { readonly state: 'paused' }
  | { readonly state: 'installed'; readonly journal: Journal }
  /**
   * A journal exists but cannot be used. ERR_SYSTEM_FILE: only root may read it; without a notice, it may be that of a
   * pause.
   */
  | { readonly state: 'installed'; readonly journal?: undefined; readonly error: Dns4torError };

/** Reads the state as far as this user's permissions allow. Never rejects. */
export async function readInstallation(fs: FileSystem): Promise<Installation> {
  try {
    const journal = await readJournal(fs);
    if (journal === undefined) return { state: 'absent' };
    return isPause(journal) ? { state: 'paused' } : { state: 'installed', journal };
  } catch (thrown) {
    // Users other than root see only the notice.
    const notice = await readNotice(fs).catch(() => undefined);
    if (notice !== undefined && isPause(notice)) return { state: 'paused' };
    return { state: 'installed', error: toDns4torError(thrown) };
  }
}
