import type { Command } from '../../system/command.ts';
import { renderDiff } from '../../system/transaction/diff.ts';
import type { Plan, Step } from '../../system/transaction/plan.ts';
import type { Removal } from '../../system/uninstall.ts';

/*
 * What would be done, in that order: diffs, lines that begin with `#`, which are remarks, and those that begin with `$`, which are commands.
 */

export function renderPreview(preview: Plan | 'unreadable' | 'interrupted'): string {
  if (preview === 'unreadable') return UNREADABLE;
  if (preview === 'interrupted') return CUT_OFF;
  const { managers, steps, restore } = preview;
  if (steps.length === 0) return '# dns4tor is the resolver of this machine already; nothing would be changed.\n';
  const found = managers.length === 0 ? '' : `Manages names here: ${managers.join(', ')}. `;
  return [
    `# ${found}Nothing was changed; it would be:\n`,
    ...steps.map(renderStep),
    ...(restore.length === 0
      ? []
      : ['# On the way back, when the files are as before:\n', ...restore.map(renderCommand)]),
  ].join('');
}

function renderStep(step: Step): string {
  if ('run' in step) return renderCommand(step.run);
  if ('backup' in step)
    return `# The current version, which dns4tor did not write, would be kept as ${step.backup.path}:\n`;
  return renderDiff(step.change);
}

const UNREADABLE =
  '# `dns4tor install` has been here, and what it has changed only root may read: sudo dns4tor install --dry-run\n';
const CUT_OFF =
  '# An earlier command was cut off. `sudo dns4tor install` puts back what that has changed, and then begins anew.\n';

export function renderRemoval({ changes, commands }: Removal): string {
  if (changes.length === 0) return '# All files are as before `dns4tor install` already.\n';
  return ['# Nothing was changed; it would be:\n', ...changes.map(renderDiff), ...commands.map(renderCommand)].join('');
}

function renderCommand(command: Command): string {
  return `$ ${command.join(' ')}\n`;
}
