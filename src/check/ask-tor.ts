import { Dns4torError, toDns4torError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { TorAddress } from '../model/tor-address.ts';
import type { TorStatus } from '../model/tor-status.ts';
import { type ControlConnection, openControl } from '../tor/control/control-connection.ts';
import { type ControlSearch, controlAddresses, requireSocksAddress } from '../tor/control/find-control.ts';
import { findOnionKey, type OnionAuth, type OnionKeyPresence } from '../tor/control/onion-auth.ts';
import { TorReport } from '../tor/control/tor-report.ts';

/** What Tor reports about itself. */
export interface TorAnswers {
  readonly status: TorStatus;
  /** Validity period of Tor's network consensus. Undefined if it has none yet. */
  readonly consensus: Consensus | undefined;
  /** Whether Tor holds the configured key, by onion address. Addresses about which Tor does not tell are missing. */
  readonly onionKeys: ReadonlyMap<string, OnionKeyPresence>;
}

/** Validity period of a consensus, in milliseconds since 1970. */
export interface Consensus {
  readonly validAfterEpochMs: number;
  readonly validUntilEpochMs: number;
}

/** What {@link askTor} needs from the rest of the program. */
export interface AskTorComponents {
  readonly clock: Clock;
  readonly random: Random;
}

const KEYWORDS = [
  'status/bootstrap-phase',
  'status/circuit-established',
  'consensus/valid-after',
  'consensus/valid-until',
] as const;

/**
 * Queries Tor over its control port. Changes nothing.
 *
 * @param onionAuths keys to look up in that Tor
 * @throws Dns4torError ERR_TOR_CONTROL no control port is usable, or the configuration disables it
 */
export async function askTor(
  components: AskTorComponents,
  search: ControlSearch,
  onionAuths: readonly OnionAuth[],
): Promise<TorAnswers> {
  using control = await openFirstControl(search, async (address, prepare) => {
    const opened = await openControl({ ...components, address, onEvent: () => {} });
    try {
      await prepare(opened);
      return opened;
    } catch (error) {
      opened[Symbol.dispose]();
      throw error;
    }
  });
  const lines = (await Promise.all(KEYWORDS.map((keyword) => getInfo(control, keyword)))).flat();
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
    consensus: isKnown ? { validAfterEpochMs, validUntilEpochMs } : undefined,
    onionKeys,
  };
}

/** Parses a time of the consensus, which is in UTC (dir-spec, "Consensus"). */
function findTime(lines: readonly string[], key: string): number | undefined {
  const start = `consensus/${key}=`;
  const text = lines.find((line) => line.startsWith(start))?.slice(start.length);
  const epochMs = Date.parse(`${text?.replace(' ', 'T')}Z`);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

/** Gets one keyword at a time, because one unknown keyword makes Tor reject all: without a consensus, for example. */
async function getInfo(control: ControlConnection, keyword: string): Promise<readonly string[]> {
  try {
    return await control.command(`GETINFO ${keyword}`);
  } catch (error) {
    if (control.isOpen) return [];
    throw error;
  }
}

/**
 * Tries the control ports of a Tor in order.
 *
 * @param open opens a connection. Its second argument has to run first, since another Tor may listen there.
 * @throws Dns4torError ERR_TOR_CONTROL no control port is usable, or the configuration disables it
 */
export async function openFirstControl<T>(
  search: ControlSearch,
  open: (address: TorAddress, prepare: (control: ControlConnection) => Promise<void>) => Promise<T>,
): Promise<T> {
  let reason = new Dns4torError('ERR_TOR_CONTROL', 'not to be used (--tor-control)');
  for (const address of controlAddresses(search)) {
    try {
      return await open(address, async (control) => {
        if (search.control.kind === 'auto') await requireSocksAddress(control, search.socks);
      });
    } catch (error) {
      reason = toDns4torError(error);
    }
  }
  throw reason;
}
