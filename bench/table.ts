/**
 * A table for a terminal: the first column is left-aligned, the others are right-aligned.
 * @param rows the first has a cell for each column
 */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** @param decimals of the percentage */
export function formatShare(share: number, decimals = 1): string {
  return `${(share * 100).toFixed(decimals)} %`;
}

export function formatTime(timeMs: number): string {
  return Number.isFinite(timeMs) ? timeMs.toFixed(0) : 'never';
}
