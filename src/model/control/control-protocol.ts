/*
 * What a command such as `dns4tor flush` says to the running daemon over its control socket: one request and one reply,
 * each a line of JSON.
 */

/** Version of the messages. Both sides refuse any other. */
export const CONTROL_VERSION = 1;

/** Maximum length of a message with its newline. A name takes up to 1,300, if each octet is escaped. */
export const MAX_CONTROL_BYTES = 4096;

/** What a daemon is told to do. */
export interface ControlRequest {
  readonly version: typeof CONTROL_VERSION;
  readonly command: 'flush';
  /** The name to flush with all names below it, in presentation form. Absent: the whole cache. */
  readonly name?: string;
}

/** What the daemon has done, or why it refused. */
export type ControlReply = { readonly version: typeof CONTROL_VERSION } & (
  | { readonly removed: number }
  | { readonly error: 'malformed' | 'version' | 'failed' }
);
