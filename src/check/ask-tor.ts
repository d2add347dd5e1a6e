import type { Clock } from '../lib/clock.ts';
import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { Random } from '../lib/random.ts';
import type { TorStatus } from '../model/tor-status.ts';
import { type ControlConnection, openControl } from '../tor/control/control-connection.ts';
import { type ControlSearch, controlAddresses, requireSocksAddress } from '../tor/control/find-control.ts';
import { findOnionKey, type OnionAuth, type OnionKeyPresence } from '../tor/control/onion-auth.ts';
import { TorReport } from '../tor/control/tor-report.ts';

/** What a Tor tells of itself. */
export interface TorAnswers {
  readonly status: TorStatus;
  /** Whether it complains that this machine's clock is wrong. */
  readonly complainsOfClock: boolean;
  /** From when to when what it knows of its network holds; undefined if it knows nothing yet. */
  readonly consensus: Consensus | undefined;
  /** Whether Tor holds the key for each onion address. An address that Tor says nothing about is missing. */
  readonly onionKeys: ReadonlyMap<string, OnionKeyPresence>;
}

/** Milliseconds since 1970. */
export interface Consensus {
  readonly validAfterEpochMs: number;
  readonly validUntilEpochMs: number;
}

export interface AskTorComponents {
  readonly clock: Clock;
  readonly random: Random;
}

const QUESTIONS = [
  'status/bootstrap-phase',
  'status/circuit-established',
  'consensus/valid-after',
  'consensus/valid-until',
] as const;

/**
 * Asks a tor about itself over its control port. Changes nothing.
 *
 * @param onionAuths keys to look for in that tor
 * @throws Dns4torError ERR_TOR_CONTROL no control port is usable, or the configuration turns it off
 */
export async function askTor(
  components: AskTorComponents,
  places: ControlSearch,
  onionAuths: readonly OnionAuth[],
): Promise<TorAnswers> {
  using control = await openFirst(components, places);
  const lines = (await Promise.all(QUESTIONS.map((question) => ask(control, question)))).flat();
  const report = new TorReport(() => {});
  report.observe(lines);
  const onionKeys = new Map<string, OnionKeyPresence>();
  for (const auth of onionAuths) {
    try {
      onionKeys.set(auth.address, await findOnionKey(control, auth));
    } catch (error) {
      if (!control.isOpen) throw error;
    }
  }
  const validAfterEpochMs = findTime(lines, 'valid-after');
  const validUntilEpochMs = findTime(lines, 'valid-until');
  const isKnown = validAfterEpochMs !== undefined && validUntilEpochMs !== undefined;
  return {
    status: report.status,
    // control-spec, "Bootstrap phases": a problem is told with its reason.
    complainsOfClock: lines.some((line) => /\bREASON=CLOCK_SKEW\b/.test(line)),
    consensus: isKnown ? { validAfterEpochMs, validUntilEpochMs } : undefined,
    onionKeys,
  };
}

/** dir-spec, "Consensus": in UTC. */
function findTime(lines: readonly string[], key: string): number | undefined {
  const start = `consensus/${key}=`;
  const text = lines.find((line) => line.startsWith(start))?.slice(start.length);
  const epochMs = Date.parse(`${text?.replace(' ', 'T')}Z`);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

/** Each for itself: tor refuses them all for one that it does not know, as without a consensus. */
async function ask(control: ControlConnection, question: string): Promise<readonly string[]> {
  try {
    return await control.command(`GETINFO ${question}`);
  } catch (error) {
    if (control.isOpen) return [];
    throw error;
  }
}

async function openFirst(components: AskTorComponents, places: ControlSearch): Promise<ControlConnection> {
  let reason = new Dns4torError('ERR_TOR_CONTROL', 'none is to be looked for');
  for (const address of controlAddresses(places)) {
    let control: ControlConnection | undefined;
    try {
      control = await openControl({ ...components, address, onEvent: () => {} });
      if (places.control.kind === 'auto') await requireSocksAddress(control, places.socks);
      return control;
    } catch (error) {
      control?.[Symbol.dispose]();
      reason = toDns4torError(error);
    }
  }
  throw reason;
}
