import type { FileSystem } from './file-system.ts';
import { type Journal, readJournal } from './journal.ts';
import { isOfPause } from './paused.ts';

/** What `dns4tor install` has made of this machine. */
export type Standing =
  | { readonly state: 'absent' }
  | { readonly state: 'paused' }
  /** The journal is for root alone: absent where this user may not read it. */
  | { readonly state: 'installed'; readonly journal?: Journal };

/** As far as this user may see. Never rejects. */
export async function readStanding(fs: FileSystem): Promise<Standing> {
  try {
    const journal = await readJournal(fs);
    if (journal === undefined) return { state: 'absent' };
    return isOfPause(journal) ? { state: 'paused' } : { state: 'installed', journal };
  } catch {
    // There is one, and be it one of a pause.
    return { state: 'installed' };
  }
}
