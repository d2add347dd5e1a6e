import { BOOTSTRAPPED_PERCENT } from '../../model/tor-status.ts';

/** Tor's bootstrap phase, as an event or a reply to GETINFO tells it (control-spec, "Bootstrap phases"). */
export interface BootstrapPhase {
  /** 0 to 100. */
  readonly percent: number;
  /** Stable name of the phase, such as `conn`. */
  readonly tag: string;
  /** Description of the phase for people. */
  readonly summary: string;
  /** Keyword for the latest problem in this phase, such as `CONNECTREFUSED`. Undefined without a problem. */
  readonly reason: string | undefined;
  /** The same problem in words. Names no host. */
  readonly warning: string | undefined;
}

const BOOTSTRAP = /^(?:STATUS_CLIENT |status\/bootstrap-phase=)\w+ BOOTSTRAP (.*)$/s;
const FIELD = /(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g;

/** Parses the fields of an event: `KEY=value` and `KEY="a value"`. */
export function parseFields(text: string): ReadonlyMap<string, string> {
  const fields = [...text.matchAll(FIELD)];
  return new Map(fields.map(([, key = '', quoted, plain = '']) => [key, quoted?.replaceAll(/\\(.)/g, '$1') ?? plain]));
}

/** Parses a line about the bootstrap phase. Undefined for any other line. */
export function parseBootstrapPhase(line: string): BootstrapPhase | undefined {
  const [, text] = BOOTSTRAP.exec(line) ?? [];
  if (text === undefined) return undefined;
  const fields = parseFields(text);
  const percent = Number(fields.get('PROGRESS'));
  if (!Number.isInteger(percent) || percent < 0) return undefined;
  return {
    percent: Math.min(percent, BOOTSTRAPPED_PERCENT),
    tag: fields.get('TAG') ?? '',
    summary: fields.get('SUMMARY') ?? '',
    reason: fields.get('REASON'),
    warning: fields.get('WARNING'),
  };
}
