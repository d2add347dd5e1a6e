import { computePlan } from '../../system/transaction/plan.ts';
import { classifyFiles } from '../../system/transaction/restore.ts';
import type { Facts } from '../facts.ts';
import { WRITE_AGAIN } from '../resolution-path.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';

const JOURNAL_ADVICE = 'Restore the journal from a backup, or undo the changes of `dns4tor install` by hand.';

/** Whether the files of `dns4tor install` are unchanged, and cover every DNS manager that is on this machine now. */
export async function checkInstallation(facts: Pick<Facts, 'fs' | 'managers' | 'standing'>): Promise<Verdict> {
  const standing = await facts.standing();
  if (standing.state === 'absent') return skip('`dns4tor install` was not run here');
  if (standing.state === 'paused')
    return skip('dns4tor is paused (`dns4tor pause`): this machine uses its former resolver');
  const { journal } = standing;
  if (journal === undefined) {
    if (standing.error.code !== 'ERR_SYSTEM_FILE') return failWith(standing.error, JOURNAL_ADVICE);
    return skip('`dns4tor install` was run here; only root can see whether its files are unchanged');
  }
  const { intact, altered } = await classifyFiles(facts.fs, journal);
  if (altered.length > 0) {
    const paths = altered.map(({ path }) => path).join(', ');
    return fail(`changed or removed since \`dns4tor install\`: ${paths}`, WRITE_AGAIN);
  }
  const { steps, managers } = await computePlan(facts.fs, await facts.managers(), journal.target, { intact });
  if (steps.length === 0) return ok('all files of `dns4tor install` are unchanged');
  return warn(
    `appeared after \`dns4tor install\` and may send queries elsewhere: ${managers.join(', ')}`,
    'Run `sudo dns4tor install` again to configure it as well (--dry-run shows the changes).',
  );
}
