import { isIP } from 'node:net';
import { formatHostPort } from '../../lib/host-port.ts';
import { ENCRYPTED_PORT } from '../../model/usual-ports.ts';
import { isOwnMachine } from '../server-names.ts';

/** Ports and path of the listeners. */
export interface Listeners {
  readonly dohPort: number;
  readonly dohPath: string;
  readonly dotPort: number;
}

/** Where clients find the server. */
export interface ClientAddresses {
  /** URL of the DoH resource. */
  readonly url: string;
  /** The first name of the certificate. */
  readonly host: string;
  /** The name that clients of DoT verify. Undefined if the certificate has only addresses, or names of this machine. */
  readonly dotName: string | undefined;
  readonly dotPort: number;
  /** Addresses that other machines reach. */
  readonly addresses: readonly string[];
  /** Whether only this machine's own programs can be clients. */
  readonly isOwnMachine: boolean;
}

/** Finds how clients address the server. */
export function clientAddresses(names: readonly string[], listeners: Listeners): ClientAddresses {
  const [host = ''] = names;
  const { dohPort, dohPath, dotPort } = listeners;
  const authority = formatHostPort(host, dohPort);
  const others = names.filter((name) => !isOwnMachine(name));
  return {
    url: `https://${dohPort === ENCRYPTED_PORT.doh ? authority.slice(0, -`:${dohPort}`.length) : authority}${dohPath}`,
    host,
    dotName: others.find((name) => isIP(name) === 0),
    dotPort,
    addresses: others.filter((name) => isIP(name) !== 0),
    isOwnMachine: isOwnMachine(host),
  };
}
