import { Dns4torError } from '../lib/errors.ts';

/** ERR_DOH_STATUS with the HTTP status code. */
export class DohStatusError extends Dns4torError {
  /** Status code of the response (RFC 9110 §15). */
  readonly status: number;

  constructor(status: number) {
    super('ERR_DOH_STATUS', `HTTP status ${status}`);
    this.status = status;
  }
}
