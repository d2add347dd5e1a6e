import { Dns4torError } from '../../failures/errors.ts';

/** ERR_DOH_STATUS with the HTTP status code. */
export class DohStatusError extends Dns4torError {
  /** Status code of the response (RFC 9110 §15). */
  readonly status: number;
  /** The wait that the response's Retry-After field asks for (RFC 9110 §10.2.3), in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, retryAfterMs?: number) {
    super('ERR_DOH_STATUS', `HTTP status ${status}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}
