import { Dns4torError } from '../failures/errors.ts';

/** Everything that is wrong with a configuration, so that one start shows it all. */
export class ConfigError extends Dns4torError {
  /** One sentence each, beginning with where the setting was found. At least one. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], cause?: unknown) {
    super('ERR_CONFIG', problems.join('; '), cause);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
