import { Dns4torError } from '../lib/errors.ts';

/** ERR_DOH_STATUS, with the status. */
export class DohStatusError extends Dns4torError {
  /** As in RFC 9110 §15. */
  readonly status: number;

  constructor(status: number) {
    super('ERR_DOH_STATUS', `HTTP status ${status}`);
    this.status = status;
  }
}
