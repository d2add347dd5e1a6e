import { isIPv6 } from 'node:net';
import { formatHostPort } from '../lib/host-port.ts';
import { isLoopback } from '../lib/ip-address.ts';
import { isOnionHost } from '../model/onion-address.ts';
import type { Problem } from './config-problem.ts';
import type { Values } from './option-values.ts';
import { aliasProblems } from './parse/local/name-rule.ts';
import { pairProblems } from './parse/server-certificate.ts';
import { routeProblems } from './routes.ts';

/** Finds problems of options that are valid by themselves but not together. */
export function contradictions(values: Values): Problem[] {
  return [
    ...accessProblems(values),
    ...portProblems(values),
    ...certificateProblems(values),
    ...plaintextProblems(values),
    ...pinProblems(values),
    ...shardProblems(values),
    ...routeProblems(values),
    ...torProblems(values),
    ...bridgeProblems(values),
    ...aliasProblems(values.name),
  ];
}

/** An open resolver can be abused for attacks on others (RFC 5358 §1), so the clients must be named. */
function accessProblems(values: Values): Problem[] {
  if (values.allow.length > 0) return [];
  return LISTENERS.flatMap(({ flag, addressesIn }) => addressesIn(values).map((address) => ({ flag, address })))
    .filter(({ address }) => !isLoopback(address))
    .map(({ flag, address }) => ({
      problem: `${flag} ${address}: anyone who reaches this address could use the resolver`,
      remedy: 'name the clients that may query with --allow, such as --allow 192.168.1.0/24',
    }));
}

/** A TCP listener, as the options set it. */
interface TcpListenerOptions {
  /** Where its addresses are set, and its port. */
  readonly flag: string;
  readonly portFlag: string;
  readonly serves: string;
  readonly addressesIn: (values: Values) => readonly string[];
  /** 0 is any free port. */
  readonly portIn: (values: Values) => number;
}

const LISTENERS: readonly TcpListenerOptions[] = [
  {
    flag: '--address',
    portFlag: '--port',
    serves: 'DNS',
    addressesIn: ({ address }) => address,
    portIn: ({ port }) => port,
  },
  {
    flag: '--dot-address',
    portFlag: '--dot-port',
    serves: 'DNS over TLS',
    addressesIn: (values) => values['dot-address'],
    portIn: (values) => values['dot-port'],
  },
  {
    flag: '--doh-address',
    portFlag: '--doh-port',
    serves: 'DNS over HTTPS',
    addressesIn: (values) => values['doh-address'],
    portIn: (values) => values['doh-port'],
  },
];

const METRICS_LISTENER: TcpListenerOptions = {
  flag: '--metrics',
  portFlag: '--metrics',
  serves: 'metrics',
  addressesIn: ({ metrics }) => (metrics.kind === 'tcp' ? [metrics.host] : []),
  portIn: ({ metrics }) => (metrics.kind === 'tcp' ? (metrics.port ?? 0) : 0),
};

/** Two listeners over TCP cannot have the same address and port. */
function portProblems(values: Values): Problem[] {
  const listeners = [...LISTENERS, METRICS_LISTENER];
  return listeners.flatMap((later, index) => {
    const port = later.portIn(values);
    const earlier = listeners.slice(0, index).filter(({ portIn }) => port !== 0 && portIn(values) === port);
    return later.addressesIn(values).flatMap((address) => {
      const taken = earlier.find(({ addressesIn }) => addressesIn(values).some((other) => overlap(other, address)));
      if (taken === undefined) return [];
      const reason = `already serves ${taken.serves} (${taken.portFlag})`;
      const problem = `${later.portFlag}: ${formatHostPort(address, port)} ${reason}`;
      return [{ problem, remedy: 'choose another port' }];
    });
  });
}

/** DoT and DoH need a certificate and its key. */
function certificateProblems(values: Values): Problem[] {
  const { 'tls-cert': chain, 'tls-key': key } = values;
  if (chain !== undefined && key !== undefined) return pairProblems(chain, key);
  const missing = chain === undefined ? '--tls-cert' : '--tls-key';
  const isHalf = chain !== undefined || key !== undefined;
  const needing = LISTENERS.filter(({ flag, addressesIn }) => flag !== '--address' && addressesIn(values).length > 0);
  const flags = needing.map(({ flag }) => flag);
  if (isHalf) flags.push(chain === undefined ? '--tls-key' : '--tls-cert');
  return flags.slice(0, 1).map((flag) => ({
    problem: `${flag}: there is no ${missing}`,
    remedy: 'give --tls-cert and --tls-key; `dns4tor certificate` makes both',
  }));
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Whether sockets at these addresses, with the same port, would conflict. */
function overlap(one: string, other: string): boolean {
  return addressesOf(one).some((a) => addressesOf(other).some((b) => includes(a, b) || includes(b, a)));
}

function includes(address: string, other: string): boolean {
  return address === other || (WILDCARDS.has(address) && isIPv6(address) === isIPv6(other));
}

function addressesOf(host: string): readonly string[] {
  return host === 'localhost' ? ['127.0.0.1', '::1'] : [host];
}

/**
 * Tor encrypts up to an onion service and authenticates it. To any other host, plain DNS leaves the exit relay as it
 * is.
 */
function plaintextProblems({ upstream, 'allow-plaintext-exit': isAllowed }: Values): Problem[] {
  if (isAllowed) return [];
  return upstream
    .filter(({ protocol, host }) => protocol === 'tcp' && !isOnionHost(host))
    .map(({ url }) => ({
      problem: `--upstream ${url}: the exit relay and every network behind it could read and change the answers`,
      remedy: 'use tls:// or https://, or accept the risk with --allow-plaintext-exit',
    }));
}

/** A pin that is never checked would be a false promise. */
function pinProblems({ upstream, 'upstream-pin': pins }: Values): Problem[] {
  if (pins.length === 0) return [];
  return upstream
    .filter(({ protocol }) => protocol === 'tcp')
    .map(({ url }) => ({
      problem: `--upstream-pin: ${url} has no certificate whose key could match the pin`,
      remedy: 'remove the pin or that upstream',
    }));
}

/** A single resolver would see all domains. */
function shardProblems({ upstream, 'upstream-strategy': strategy }: Values): Problem[] {
  if (strategy !== 'shard' || new Set(upstream.map(({ url }) => url)).size > 1) return [];
  return [
    {
      problem: '--upstream-strategy: shard needs at least two different upstreams',
      remedy: 'add an --upstream, or remove the option',
    },
  ];
}

function torProblems(values: Values): Problem[] {
  const { 'tor-socks': socks, 'tor-control': control, 'onion-auth-file': onionAuths } = values;
  const problems: Problem[] = [];
  const addresses = onionAuths.map(({ address }) => address);
  for (const address of new Set(addresses.filter((one, index) => addresses.indexOf(one) !== index))) {
    problems.push({
      problem: `--onion-auth-file: two files hold a key for ${address}.onion`,
      remedy: 'remove one of them',
    });
  }
  const isExternal = socks.kind === 'tcp' || socks.kind === 'unix';
  if (addresses.length > 0 && isExternal && control.kind === 'none') {
    problems.push({
      problem: '--onion-auth-file: with --tor-control none, the key cannot be given to the Tor at --tor-socks',
      remedy: 'remove --tor-control, or put the file into the ClientOnionAuthDir of that Tor',
    });
  }
  if (socks.kind === 'managed' && (control.kind === 'tcp' || control.kind === 'unix')) {
    problems.push({
      problem: '--tor-control: names the control port of a running Tor, but --tor-socks managed starts another one',
      remedy: 'remove one of the two',
    });
  }
  return problems;
}

/** Bridges are for the managed tor only. A running Tor has its own, or would connect to public relays. */
function bridgeProblems(values: Values): Problem[] {
  const { bridge, 'bridges-file': files, 'tor-socks': socks, 'tor-control': control } = values;
  if (bridge.length === 0 && files.length === 0) return [];
  const flag = bridge.length > 0 ? '--bridge' : '--bridges-file';
  if (socks.kind === 'tcp' || socks.kind === 'unix') {
    return [
      {
        problem: `${flag}: the Tor at --tor-socks would not use the bridges`,
        remedy: "set them in that Tor's torrc (docs/bridges.md), or remove --tor-socks",
      },
    ];
  }
  if (socks.kind === 'auto' && (control.kind === 'tcp' || control.kind === 'unix')) {
    return [
      {
        problem: `--tor-control: names the control port of a running Tor, but with ${flag} dns4tor starts another one`,
        remedy: 'remove one of the two',
      },
    ];
  }
  return [];
}
