import { Dns4torError } from './errors.ts';
import type { ErrorCode } from './failures.ts';

/** By the operating system's code for why a socket could not be bound. */
const LISTEN_CODES: Readonly<Record<string, ErrorCode>> = {
  EADDRINUSE: 'ERR_LISTEN_IN_USE',
  EACCES: 'ERR_LISTEN_DENIED',
  EPERM: 'ERR_LISTEN_DENIED',
  EADDRNOTAVAIL: 'ERR_LISTEN_ADDRESS',
  // A machine whose kernel has no IPv6 says so in this way when asked for ::1.
  EAFNOSUPPORT: 'ERR_LISTEN_ADDRESS',
  // A link-local address of a network interface that does not exist (ipv6(7)).
  EINVAL: 'ERR_LISTEN_ADDRESS',
};

/**
 * Names the reason why a socket could not be opened for listening.
 * @param error what `listen` or `bind` failed with
 * @param address host:port, for the message
 */
export function toListenError(error: unknown, address: string): Dns4torError {
  const code = error instanceof Error && 'code' in error ? LISTEN_CODES[String(error.code)] : undefined;
  return new Dns4torError(code ?? 'ERR_LISTEN', address, error);
}
