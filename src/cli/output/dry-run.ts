import type { Command } from '../../system/command.ts';
import { renderDiff } from '../../system/transaction/diff.ts';
import type { Plan, Step } from '../../system/transaction/plan.ts';
import type { Removal } from '../../system/uninstall.ts';

/*
 * The steps in order: changed files as diffs, remarks on lines that begin with `#`, commands on lines that begin
 * with `$`.
 */

const UNREADABLE = '# dns4tor is installed, and only root may read the details: sudo dns4tor install --dry-run\n';
const INTERRUPTED =
  '# An earlier command was interrupted. `sudo dns4tor install` rolls back its changes, and then installs.\n';

/** Renders what `install` would do. */
export function renderPreview(preview: Plan | 'unreadable' | 'interrupted'): string {
  if (preview === 'unreadable') return UNREADABLE;
  if (preview === 'interrupted') return INTERRUPTED;
  const { managers, steps, restore } = preview;
  if (steps.length === 0) return '# dns4tor is the resolver of this machine already; nothing would be changed.\n';
  const found = managers.length === 0 ? '' : `Managers of names: ${managers.join(', ')}. `;
  return [
    `# ${found}Nothing was changed. The changes would be:\n`,
    ...steps.map(renderStep),
    ...(restore.length === 0 ? [] : ['# `dns4tor uninstall` would also run:\n', ...restore.map(renderCommand)]),
  ].join('');
}

function renderStep(step: Step): string {
  if ('run' in step) return renderCommand(step.run);
  if ('backup' in step) return `# The present version, which was edited, would be kept as ${step.backup.path}:\n`;
  return renderDiff(step.change);
}

/** Renders what `uninstall` would do. */
export function renderRemoval({ changes, commands }: Removal): string {
  if (changes.length === 0) return '# All files are the originals already.\n';
  return [
    '# Nothing was changed. The changes would be:\n',
    ...changes.map(renderDiff),
    ...commands.map(renderCommand),
  ].join('');
}

function renderCommand(command: Command): string {
  return `$ ${command.join(' ')}\n`;
}
