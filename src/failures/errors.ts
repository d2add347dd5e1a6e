import { type ErrorCode, FAILURES } from './failures.ts';

/**
 * The base of every error that dns4tor throws on purpose. Its message is the table's sentence, with the detail in front,
 * and can be shown to a person as it stands.
 */
export class Dns4torError extends Error {
  readonly code: ErrorCode;

  /** @param detail what the sentence is about (an address, a status): never a name that was asked for */
  constructor(code: ErrorCode, detail?: string, cause?: unknown) {
    const { sentence } = FAILURES[code];
    super(detail === undefined ? sentence : `${detail}: ${sentence}`, { cause });
    this.name = 'Dns4torError';
    this.code = code;
  }
}

/** Gives any thrown value the shape of ours; what is not ours is a defect. */
export function toDns4torError(error: unknown): Dns4torError {
  return error instanceof Dns4torError ? error : new Dns4torError('ERR_INTERNAL', undefined, error);
}
