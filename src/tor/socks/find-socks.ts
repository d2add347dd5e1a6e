import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import { type JudgePeer, judgeOpen, type ToleratedStanding } from './socks-peer.ts';
import { connectTo, formatTorAddress, type TorAddress } from '../tor-address.ts';

/** Where Tor usually is: Debian's package on its unix socket and its port, then Tor Browser. */
const USUAL_SOCKS_ADDRESSES: readonly TorAddress[] = [
  { kind: 'unix', path: '/run/tor/socks' },
  { kind: 'tcp', host: '127.0.0.1', port: 9050 },
  { kind: 'tcp', host: '127.0.0.1', port: 9150 },
];

export interface Detection {
  /** The first address, in the order given, whose listener is known to be Tor. */
  readonly found: TorAddress | undefined;
  /** Why it is none of the others. */
  readonly rejected: readonly { readonly address: TorAddress; readonly error: Dns4torError }[];
}

/**
 * Probes all addresses at once for a running Tor. The user did not choose these addresses, so only a listener that is
 * known to be Tor is accepted. Never rejects.
 */
export async function detectTor(
  clock: Clock,
  judgePeer: JudgePeer,
  addresses: readonly TorAddress[] = USUAL_SOCKS_ADDRESSES,
): Promise<Detection> {
  const verdicts = await Promise.all(
    addresses.map(async (address) => {
      try {
        const standing = await verifyTor(address, clock, judgePeer);
        if (standing === 'unknown') throw new Dns4torError('ERR_TOR_UNPROVEN', formatTorAddress(address));
        return { address };
      } catch (error) {
        return { address, error: toDns4torError(error) };
      }
    }),
  );
  return {
    found: verdicts.find(({ error }) => error === undefined)?.address,
    rejected: verdicts.filter((verdict) => verdict.error !== undefined),
  };
}

// Tor on this machine answers within milliseconds; what takes longer than this is something else, or is stopped.
const VERIFY_TIMEOUT_MS = 2_000;

// RFC 1928 §3: version 5, one method, "no authentication required", which is then chosen.
const GREETING = Uint8Array.of(5, 1, 0);
const GREETING_ANSWER = Uint8Array.of(5, 0);

// Tor's own command RESOLVE (X'F0', socks-extensions.txt §2), which `socks` does not have; hence bytes. What is to be
// resolved is an address already: Tor answers with the same address, by itself, before it has any connection to its
// network, and other proxies say that they do not know the command. Whoever answers, no name has left this machine.
// The address is sent as a name (ATYP 3), since Tor with `SafeSocks` rejects bare addresses, and without it warns of them.
const ADDRESS = '127.0.0.1';
const RESOLVE_REQUEST = Uint8Array.of(5, 0xf0, 0, 3, ADDRESS.length, ...Buffer.from(ADDRESS), 0, 0);
const RESOLVE_ANSWER = Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0);

/**
 * Checks that the listener at the address speaks SOCKS5 as Tor does, bootstrapped or not.
 *
 * @returns whether it is known to be Tor: any program can imitate the protocol
 * @throws Dns4torError ERR_TOR_UNREACHABLE nothing accepts connections; ERR_TOR_FOREIGN another user's program
 *   accepted; ERR_TOR_NOT_SOCKS the listener is not Tor, or its flags forbid RESOLVE (`OnionTrafficOnly`,
 *   `NoDNSRequest`); ERR_TOR_TIMEOUT no answer within 2 s
 */
export async function verifyTor(address: TorAddress, clock: Clock, judgePeer: JudgePeer): Promise<ToleratedStanding> {
  const where = formatTorAddress(address);
  const socket = connectTo(address);
  const timer = clock.schedule(VERIFY_TIMEOUT_MS, () => socket.destroy(new Dns4torError('ERR_TOR_TIMEOUT', where)));
  try {
    return await ask(socket, where, () => judgeOpen(judgePeer, address, socket));
  } finally {
    timer.cancel();
    socket.destroy();
  }
}

function ask(socket: Socket, where: string, judge: () => Promise<ToleratedStanding>): Promise<ToleratedStanding> {
  return new Promise((resolve, reject) => {
    const expected = Buffer.concat([GREETING_ANSWER, RESOLVE_ANSWER]);
    let received = Buffer.alloc(0);
    let isAccepted = false;
    let standing: ToleratedStanding = 'unknown';
    const greet = (): void => {
      isAccepted = true;
      judge().then(
        (found) => {
          standing = found;
          socket.write(GREETING);
        },
        // The 'close' handler below reports a closed connection.
        (error: unknown) => error instanceof Dns4torError && reject(error),
      );
    };
    const rejectAnswer = (): void => {
      reject(
        new Dns4torError(
          'ERR_TOR_NOT_SOCKS',
          `${where} (answered ${received.toString('hex', 0, expected.length) || 'nothing'})`,
        ),
      );
    };
    socket.on('connect', greet);
    socket.on('data', (chunk) => {
      const before = received.length;
      received = Buffer.concat([received, chunk]);
      if (!expected.subarray(0, received.length).equals(received)) return rejectAnswer();
      if (before < GREETING_ANSWER.length && received.length >= GREETING_ANSWER.length) socket.write(RESOLVE_REQUEST);
      if (received.length === expected.length) resolve(standing);
    });
    socket.on('close', rejectAnswer);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error instanceof Dns4torError) return reject(error);
      // A connection that was accepted and then reset has been answered, by something that is not Tor.
      if (isAccepted) return rejectAnswer();
      reject(new Dns4torError('ERR_TOR_UNREACHABLE', `${where} (${error.code})`, error));
    });
  });
}
