import { Dns4torError } from '../../failures/errors.ts';
import type { ErrorCode } from '../../failures/failures.ts';
import { formatDuration } from '../../lib/format.ts';
import { type Bridge, VANILLA } from '../../model/bridge.ts';
import { type BootstrapPhase, parseBootstrapPhase, parseFields } from './bootstrap-phase.ts';

/** What is known beside Tor's own reports. */
export interface TorSurroundings {
  /** Whether this machine has an address that is neither loopback nor link-local. */
  readonly hasNetwork: () => boolean;
  /**
   * How Tor enters its network: through relays of its choice, through bridges at addresses, or only through bridges
   * that their transport finds by name. `unknown` for a Tor that dns4tor did not start.
   */
  readonly entry: 'relays' | 'bridges' | 'named-bridges' | 'unknown';
  /** Whether a pluggable transport has to run first. */
  readonly usesTransport: boolean;
}

/**
 * Gathers the surroundings of a Tor.
 * @param bridges those of a managed Tor; absent for one that dns4tor did not start
 */
export function torSurroundings(hasNetwork: () => boolean, bridges?: readonly Bridge[]): TorSurroundings {
  if (bridges === undefined) return { hasNetwork, entry: 'unknown', usesTransport: false };
  const usesTransport = bridges.length > 0 && bridges.every(({ transport }) => transport !== VANILLA);
  if (bridges.length === 0) return { hasNetwork, entry: 'relays', usesTransport };
  const isNamed = bridges.every(({ resolvesNames }) => resolvesNames);
  return { hasNetwork, entry: isNamed ? 'named-bridges' : 'bridges', usesTransport };
}

/** Progress from which on an entry into Tor's network works: tag `handshake_done`. */
export const ENTERED_PERCENT = 15;

/** Tags of the phases in which Tor talks to a pluggable transport (control-spec, "Phases in Bootstrap Stage 1"). */
const TRANSPORT_TAGS: ReadonlySet<string> = new Set(['conn_pt', 'conn_done_pt']);

/**
 * Facts that Tor only logs. Tor has no event for them (seen with 0.4.9): a fast clock makes the relays' certificates
 * look expired; a transport's program ends at once; the transport cannot look up the name of its server.
 */
const LOG_SIGNS = {
  certificateTime: /certificate (?:already )?expired|certificate not yet valid/i,
  transportEnded: /^Managed proxy "?(\/\S+?)"? .*(?:terminated|failed)/,
  transportName: /^Managed proxy .*\blookup \S+/,
} as const;
type LogSign = keyof typeof LOG_SIGNS;

const LOG_EVENT = /^(?:NOTICE|WARN|ERR) (.*)$/s;
const CLOCK_SKEW = /^STATUS_GENERAL \w+ CLOCK_SKEW (.*)$/;
const CONNECTION_FAILED = /^ORCONN \S+ FAILED (.*)$/;

/**
 * What Tor has reported since its last progress: the facts from which a lack of progress is explained. Keeps no host,
 * address or fingerprint, which may be those of a bridge.
 */
export class BootstrapEvidence {
  #phase: BootstrapPhase = { percent: 0, tag: 'starting', summary: '', reason: undefined, warning: undefined };
  /** The highest percentage reported. */
  #furthest = 0;
  /** Tor's clock minus the network's, in seconds. */
  #skewSeconds: number | undefined;
  /** REASON of the latest failure to connect to a relay. */
  #connectionFailure: string | undefined;
  /** The signs in Tor's log, with the part of the line that they capture. */
  readonly #signs = new Map<LogSign, string>();

  /**
   * Reads the lines of a STATUS_CLIENT, STATUS_GENERAL, ORCONN or log event, or of a reply to GETINFO. Ignores unknown
   * lines. Progress makes earlier evidence obsolete.
   * @returns whether Tor has made progress
   */
  observe(lines: readonly string[]): boolean {
    return lines.map((line) => this.#observe(line)).includes(true);
  }

  /** Forgets what was reported so far, except for the phase, from which progress counts anew. */
  forget(): void {
    this.#furthest = this.#phase.percent;
    this.#skewSeconds = undefined;
    this.#connectionFailure = undefined;
    this.#signs.clear();
  }

  /** Bootstrap progress, 0 to 100. */
  get percent(): number {
    return this.#phase.percent;
  }

  /** Whether Tor has found this machine's clock wrong. */
  get isClockWrong(): boolean {
    return this.#skewSeconds !== undefined || this.#signs.has('certificateTime');
  }

  /** Explains why Tor makes no progress. */
  explain(surroundings: TorSurroundings): Dns4torError {
    return new Dns4torError(this.#diagnose(surroundings), this.#describe());
  }

  #observe(line: string): boolean {
    const phase = parseBootstrapPhase(line);
    if (phase !== undefined) return this.#setPhase(phase);
    const [, skew] = CLOCK_SKEW.exec(line) ?? [];
    if (skew !== undefined) this.#setSkew(Number(parseFields(skew).get('SKEW')));
    const [, failure] = CONNECTION_FAILED.exec(line) ?? [];
    const reason = failure && parseFields(failure).get('REASON');
    if (reason) this.#connectionFailure = reason;
    const [, text] = LOG_EVENT.exec(line) ?? [];
    for (const [sign, pattern] of Object.entries(LOG_SIGNS)) {
      const match = text === undefined ? null : pattern.exec(text);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of LOG_SIGNS
      if (match !== null) this.#signs.set(sign as LogSign, match[1] ?? '');
    }
    return false;
  }

  #setPhase(phase: BootstrapPhase): boolean {
    this.#phase = phase;
    if (phase.percent <= this.#furthest) return false;
    this.forget();
    return true;
  }

  #setSkew(seconds: number): void {
    if (Number.isFinite(seconds)) this.#skewSeconds = seconds;
  }

  #diagnose({ hasNetwork, entry, usesTransport }: TorSurroundings): ErrorCode {
    const { percent, tag, reason } = this.#phase;
    if (this.isClockWrong || reason === 'CLOCK_SKEW') return 'ERR_TOR_CLOCK';
    // At 0 % Tor has not even been able to send a packet to a relay.
    const hasNoRoute = percent === 0 && this.#connectionFailure === 'NOROUTE';
    if (hasNoRoute || !hasNetwork()) return 'ERR_TOR_OFFLINE';
    if (percent >= ENTERED_PERCENT) return 'ERR_TOR_STUCK';
    if (this.#signs.has('transportEnded') || (usesTransport && percent === 0)) return 'ERR_TOR_TRANSPORT';
    if (this.#signs.has('transportName') || entry === 'named-bridges') return 'ERR_TOR_TRANSPORT_NAME';
    return entry === 'bridges' || TRANSPORT_TAGS.has(tag) ? 'ERR_TOR_BRIDGES' : 'ERR_TOR_BLOCKED';
  }

  /** The phase with Tor's own warning, for people. */
  #describe(): string {
    const { percent, summary, reason, warning } = this.#phase;
    const program = this.#signs.get('transportEnded');
    // The warning about a clock holds the same figure, in seconds.
    const words = reason === 'CLOCK_SKEW' && this.#skewSeconds !== undefined ? [] : [warning, reason];
    const said = words.filter((text) => text !== undefined && text !== '');
    const notes = [
      ...(summary === '' ? [] : [summary]),
      ...(said.length === 0 ? [] : [[...new Set(said)].join(', ')]),
      ...(program === undefined ? [] : [`${program} ended`]),
      ...(this.#skewSeconds === undefined ? [] : [describeSkew(this.#skewSeconds)]),
    ];
    return `Tor is stuck at ${percent} %${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
  }
}

function describeSkew(seconds: number): string {
  return `this clock is ${formatDuration(Math.abs(seconds))} ${seconds < 0 ? 'behind' : 'ahead'}`;
}
