import type { Result } from '../../check/run-checks.ts';
import { readVersion } from '../../lib/version.ts';
import { printable, printableJson } from '../../log/printable.ts';

const STATUS_COLUMNS = 6;
const ID_COLUMNS = 13;

/** Renders one line per check, with the remedy below it. */
export function renderResults(results: readonly Result[]): string {
  return results
    .map(({ id, subject, status, line, advice }) => {
      // The line quotes Tor and other programs.
      const said = printable(line);
      const head = `${status.padEnd(STATUS_COLUMNS)}${id.padEnd(ID_COLUMNS)}${subject === undefined ? '' : `${subject}: `}${said}\n`;
      return advice === undefined ? head : `${head}${' '.repeat(STATUS_COLUMNS + ID_COLUMNS)}→ ${advice}\n`;
    })
    .join('');
}

/** Renders one JSON object for scripts. Its keys and the ids of the checks are stable. */
export function renderJson(results: readonly Result[]): string {
  const status = (['fail', 'warn'] as const).find((one) => results.some((result) => result.status === one)) ?? 'ok';
  const checks = results.map(({ durationMs, ...result }) =>
    durationMs === undefined ? result : { ...result, durationMs: Math.round(durationMs) },
  );
  return `${printableJson({ version: readVersion(), status, checks }, 2)}\n`;
}
