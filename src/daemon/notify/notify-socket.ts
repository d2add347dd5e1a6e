/** How the service manager wants to hear about this process (sd_notify(3), sd_watchdog_enabled(3)). */
export interface NotifyRequest {
  /** Path of its datagram socket; a leading `@` stands for an abstract name. */
  readonly socket: string;
  /** Time without a sign of life after which it ends this process. Undefined without a watchdog. */
  readonly watchdogMs: number | undefined;
}

const MICROS_PER_MS = 1000;

/** unix(7): sun_path holds 108 bytes, including the final zero. */
const MAX_PATH_BYTES = 107;

/**
 * Reads where the service manager wants to be notified. Undefined outside Type=notify units, and for kinds of sockets
 * other than unix sockets, such as those between a virtual machine and its host.
 *
 * @param env the variables are removed from it, because they are not meant for child processes
 * @param pid of this process. A watchdog for another process, such as a wrapper that did not exec, is ignored.
 */
export function takeNotifyRequest(env: Record<string, string | undefined>, pid: number): NotifyRequest | undefined {
  const { NOTIFY_SOCKET: socket = '', WATCHDOG_USEC: micros = '', WATCHDOG_PID: watched = String(pid) } = env;
  for (const variable of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[variable];
  if (!/^[/@]./.test(socket) || Buffer.byteLength(socket) > MAX_PATH_BYTES) return undefined;
  const isWatched = /^[1-9]\d{0,14}$/.test(micros) && watched === String(pid);
  return { socket, watchdogMs: isWatched ? Number(micros) / MICROS_PER_MS : undefined };
}
