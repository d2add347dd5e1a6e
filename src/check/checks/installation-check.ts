import { isOwnFile } from '../../system/managers/manager-config.ts';
import { computePlan } from '../../system/transaction/plan.ts';
import { classifyFiles } from '../../system/transaction/restore.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';
import { REINSTALL_ADVICE, REINSTALL_SHARED_ADVICE } from '../resolution-path.ts';

const JOURNAL_ADVICE = 'Restore the journal from a backup, or undo the changes of `dns4tor install` by hand.';

/** Checks that the files of `dns4tor install` are unchanged, and cover every DNS manager now on this machine. */
export async function checkInstallation(facts: Pick<Facts, 'fs' | 'managers' | 'installation'>): Promise<Verdict> {
  const installation = await facts.installation();
  if (installation.state === 'absent') return skip('`dns4tor install` has not been run here');
  if (installation.state === 'paused')
    return skip('dns4tor is paused (`dns4tor pause`): this machine uses its former resolver');
  const { journal } = installation;
  if (journal === undefined) {
    if (installation.error.code !== 'ERR_SYSTEM_FILE') return failWith(installation.error, JOURNAL_ADVICE);
    return skip('`dns4tor install` has been run here; only root can check its files');
  }
  const { intact, altered } = await classifyFiles(facts.fs, journal);
  if (altered.length > 0) {
    const paths = altered.map(({ path }) => path).join(', ');
    const advice = altered.every(({ path }) => isOwnFile(path)) ? REINSTALL_ADVICE : REINSTALL_SHARED_ADVICE;
    return fail(`changed or removed since \`dns4tor install\`: ${paths}`, advice);
  }
  const { steps, managers } = await computePlan(facts.fs, await facts.managers(), journal.target, { intact });
  if (steps.length === 0) return ok('all files of `dns4tor install` are unchanged');
  return warn(
    `appeared after \`dns4tor install\` and may send queries elsewhere: ${managers.join(', ')}`,
    'Run `sudo dns4tor install` again to configure it as well (--dry-run shows the changes).',
  );
}
