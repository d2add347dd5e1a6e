import type { FileState } from './file-state.ts';
import type { FileChange } from './plan.ts';

/** Unchanged lines that are shown around those that change, as diff(1) does. */
const CONTEXT_LINES = 3;

/** A file change as diff(1) writes it (unified format), in one hunk. Symbolic links are shown by where they lead. */
export function renderDiff({ path, before, after }: FileChange): string {
  const [old, next] = [toLines(before), toLines(after)];
  let start = 0;
  while (start < Math.min(old.length, next.length) && old[start] === next[start]) start++;
  let same = 0;
  while (same < Math.min(old.length, next.length) - start && old.at(-1 - same) === next.at(-1 - same)) same++;
  const from = Math.max(0, start - CONTEXT_LINES);
  const oldPart = old.slice(start, old.length - same);
  const nextPart = next.slice(start, next.length - same);
  const head = old.slice(from, start);
  const tail = old.slice(old.length - same, old.length - same + CONTEXT_LINES);
  const range = (part: readonly string[]): string => {
    const count = head.length + part.length + tail.length;
    return `${count === 0 ? from : from + 1},${count}`;
  };
  return [
    `--- ${nameOf(path, before)}`,
    `+++ ${nameOf(path, after)}`,
    `@@ -${range(oldPart)} +${range(nextPart)} @@`,
    ...prefixed(' ', head),
    ...prefixed('-', oldPart),
    ...prefixed('+', nextPart),
    ...prefixed(' ', tail),
    '',
  ].join('\n');
}

function nameOf(path: string, state: FileState): string {
  if (state.kind === 'absent') return '/dev/null';
  return state.kind === 'symlink' ? `${path} (symbolic link)` : path;
}

/** With the remark of diff(1) where the last line has no end. */
function toLines(state: FileState): readonly string[] {
  if (state.kind === 'absent') return [];
  if (state.kind === 'symlink') return [state.target];
  const lines = Buffer.from(state.bytes).toString().split('\n');
  const last = lines.pop();
  return last === undefined || last === '' ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

function prefixed(mark: string, lines: readonly string[]): readonly string[] {
  return lines.map((line) => `${mark}${line}`);
}
