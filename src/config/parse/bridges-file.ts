import type { Bridge } from '../../model/bridge.ts';
import { type Parsed, type Problem, refuse } from '../config-problem.ts';
import { privacyProblems, readSmallFile } from '../files.ts';
import { MAX_BRIDGES } from '../options/tor-options.ts';
import { holdsBridgeAddress, parseBridgeLine } from './bridge-line.ts';

/** The bridges of a file, in its order. */
export interface BridgesFile {
  readonly path: string;
  readonly bridges: readonly { readonly lineNumber: number; readonly bridge: Bridge }[];
}

/** Most wrong lines that a problem names. A file of another kind has nothing but wrong lines. */
const MAX_NAMED_LINES = 5;

/**
 * Reads a file of bridge lines. Blank lines, and lines that begin with `#`, are ignored. Reports all problems at once,
 * with line numbers and without quoting a line.
 */
export function readBridgesFile(path: string): Parsed<BridgesFile> {
  // Other problems quote the path.
  if (holdsBridgeAddress(path)) return { problem: 'this is a bridge line, not a file', remedy: 'use --bridge for it' };
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  const problems: Problem[] = [...privacyProblems(path)];
  const lines = file.value
    .split('\n')
    .map((text, index) => ({ lineNumber: index + 1, text: text.trim() }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'));
  if (lines.length === 0) problems.push({ problem: 'holds no bridge line', remedy: 'write one bridge on each line' });
  if (lines.length > MAX_BRIDGES) {
    problems.push({ problem: `holds ${lines.length} bridge lines`, remedy: `give at most ${MAX_BRIDGES}` });
  }
  const bridges: BridgesFile['bridges'][number][] = [];
  const wrong: Problem[] = [];
  for (const { lineNumber, text } of lines) {
    const parsed = parseBridgeLine(text);
    if ('problem' in parsed) wrong.push({ ...parsed, problem: `line ${lineNumber}: ${parsed.problem}` });
    else bridges.push({ lineNumber, bridge: parsed.value });
  }
  problems.push(...wrong.slice(0, MAX_NAMED_LINES));
  if (wrong.length > MAX_NAMED_LINES) problems.push({ problem: `${wrong.length - MAX_NAMED_LINES} more wrong lines` });
  if (problems.length === 0) return { value: { path, bridges } };
  const remedies = new Set(problems.flatMap(({ remedy }) => remedy ?? []));
  return refuse(path, problems.map(({ problem }) => problem).join('; '), [...remedies].join('; '));
}
