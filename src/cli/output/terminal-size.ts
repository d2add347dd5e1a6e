/** Size of the terminals that VT100 set as the standard. */
const ASSUMED = { columns: 80, rows: 24 } as const;

/** The size of a stream, as Node reports it. */
interface Sized {
  /** Undefined if the stream is not a terminal; 0 if the terminal has no size, as in `script` or a serial console. */
  readonly columns?: number;
  readonly rows?: number;
}

/** The width of a terminal; 80 columns if it has no size. */
export function columnsOf({ columns }: Sized): number {
  return columns === undefined || columns < 1 ? ASSUMED.columns : columns;
}

/** The height of a terminal; 24 rows if it has no size. */
export function rowsOf({ rows }: Sized): number {
  return rows === undefined || rows < 1 ? ASSUMED.rows : rows;
}
