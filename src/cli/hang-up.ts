import process from 'node:process';

/**
 * Keeps SIGHUP and SIGUSR2 from ending the daemon. A closed terminal sends SIGHUP too, and other servers take both for
 * requests: dnsmasq reopens its log on SIGUSR2. The handlers stay for good, because a daemon that shuts down still
 * answers queries in flight.
 * @returns a function that sets what SIGHUP does; until then it does nothing
 */
export function surviveHangUps(): (onHangUp: () => void) => void {
  let current = (): void => {};
  process.on('SIGHUP', () => current());
  process.on('SIGUSR2', () => {});
  return (onHangUp) => {
    current = onHangUp;
  };
}
