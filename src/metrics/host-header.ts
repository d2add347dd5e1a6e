import { isIP } from 'node:net';
import { isLoopback } from '../lib/loopback.ts';

/**
 * Whether a request's Host header names this server, against DNS rebinding: a web page whose own name was made to resolve to
 * this server's address could read what it serves, and its name is what the browser sends here. An IP literal cannot be
 * rebound, nor can `localhost` (RFC 6761 §6.3).
 * @param listening the IP literal that the server is bound to
 */
export function isAllowedHost(host: string | undefined, listening: string): boolean {
  // HTTP/1.0 may leave it out, and some probes do. Browsers never do.
  if (host === undefined) return true;
  const name = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/
    .exec(host)
    ?.slice(1)
    .find((part) => part !== undefined);
  if (name === undefined) return false;
  if (name.toLowerCase() === 'localhost') return true;
  if (isIP(name) === 0) return false;
  return isLoopback(name) || !isLoopback(listening);
}
