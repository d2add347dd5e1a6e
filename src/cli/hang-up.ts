import process from 'node:process';

/**
 * Keeps signals from ending the daemon that other servers take for requests: SIGHUP, which a closed terminal sends as well, and SIGUSR2, on which
 * dnsmasq opens its log anew. For good: while it ends, it still answers what is in flight.
 * @returns says what SIGHUP does from then on, beside nothing
 */
export function surviveHangUps(): (onHangUp: () => void) => void {
  let current = (): void => {};
  process.on('SIGHUP', () => current());
  process.on('SIGUSR2', () => {});
  return (onHangUp) => {
    current = onHangUp;
  };
}
