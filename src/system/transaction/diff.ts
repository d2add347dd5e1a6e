import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff/lib/patch/create.js';
import type { FileState } from './file-state.ts';
import type { FileChange } from './plan.ts';

/** Renders a file change in diff(1)'s unified format. A symbolic link is shown as a line with its target. */
export function renderDiff({ path, before, after }: FileChange): string {
  return createTwoFilesPatch(
    nameOf(path, before),
    nameOf(path, after),
    textOf(before),
    textOf(after),
    undefined,
    undefined,
    { context: 3, headerOptions: FILE_HEADERS_ONLY },
  );
}

function nameOf(path: string, state: FileState): string {
  if (state.kind === 'absent') return '/dev/null';
  return state.kind === 'symlink' ? `${path} (symbolic link)` : path;
}

function textOf(state: FileState): string {
  if (state.kind === 'absent') return '';
  return state.kind === 'symlink' ? `${state.target}\n` : Buffer.from(state.bytes).toString();
}
