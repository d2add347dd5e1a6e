import type { FileSystem } from './file-system.ts';
import { type Journal, readJournal } from './journal.ts';
import { isOfPause } from './paused.ts';

/** Whether `dns4tor install` is in effect on this machine. */
export type Standing =
  | { readonly state: 'absent' }
  | { readonly state: 'paused' }
  /** Only root may read the journal; absent for other users. */
  | { readonly state: 'installed'; readonly journal?: Journal };

/** Reads it as far as this user's permissions allow. Never rejects. */
export async function readStanding(fs: FileSystem): Promise<Standing> {
  try {
    const journal = await readJournal(fs);
    if (journal === undefined) return { state: 'absent' };
    return isOfPause(journal) ? { state: 'paused' } : { state: 'installed', journal };
  } catch {
    // A journal exists but cannot be read: it may be that of a pause.
    return { state: 'installed' };
  }
}
