import { computePlan } from '../system/plan.ts';
import { sortByPlace } from '../system/restore.ts';
import type { Facts } from './facts.ts';
import { WRITE_AGAIN } from './system-way.ts';
import { fail, ok, skip, type Verdict, warn } from './verdict.ts';

/** Whether the files of `dns4tor install` are unchanged, and cover every manager that is here by now. */
export async function checkInstallation(facts: Pick<Facts, 'fs' | 'managers' | 'standing'>): Promise<Verdict> {
  const standing = await facts.standing();
  if (standing.state === 'absent') return skip('`dns4tor install` was not run here');
  if (standing.state === 'paused') return skip('`dns4tor pause` has given names back to the network for a time');
  const { journal } = standing;
  if (journal === undefined) {
    return skip('`dns4tor install` was run here; whether its files are as it wrote them, only root may see');
  }
  const { inPlace, lost } = await sortByPlace(facts.fs, journal);
  if (lost.length > 0) {
    const paths = lost.map(({ path }) => path).join(', ');
    return fail(`no longer as \`dns4tor install\` wrote it: ${paths}`, WRITE_AGAIN);
  }
  const { steps, managers } = await computePlan(facts.fs, await facts.managers(), journal.target, { inPlace });
  if (steps.length === 0) return ok('all files are as `dns4tor install` wrote them');
  return warn(
    `has come since \`dns4tor install\`, and may send names elsewhere: ${managers.join(', ')}`,
    'Run `sudo dns4tor install` once more, which takes it in (--dry-run shows how).',
  );
}
