import { isIPv6 } from 'node:net';
import { formatHostPort } from '../lib/host-port.ts';
import { isLoopback } from '../lib/loopback.ts';
import { isOnionHost } from '../model/onion-address.ts';
import type { Values } from './values.ts';

/** What is wrong with options together, each of which is right by itself. */
export function contradictions(values: Values): string[] {
  return [
    ...accessProblems(values),
    ...portProblems(values),
    ...plaintextProblems(values),
    ...pinProblems(values),
    ...shardProblems(values),
    ...torProblems(values),
  ];
}

/** A resolver that anybody can reach is a tool for attacks on others (RFC 5358 §1), so it takes saying who may ask. */
function accessProblems({ address, allow }: Values): string[] {
  if (allow.length > 0) return [];
  return address
    .filter((listenAddress) => !isLoopback(listenAddress))
    .map(
      (listenAddress) =>
        `--address ${listenAddress}: others could ask there; say who may with --allow, such as --allow 192.168.1.0/24`,
    );
}

/** DNS over TCP and metrics cannot listen on the same address and port. */
function portProblems({ address, port, metrics }: Values): string[] {
  if (metrics.kind !== 'tcp' || metrics.port === 0 || metrics.port !== port) return [];
  const taken = address.find((listenAddress) => overlap(listenAddress, metrics.host));
  if (taken === undefined) return [];
  return [`--metrics: ${formatHostPort(metrics.host, port)} already serves DNS (--port); choose another port`];
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Whether two sockets with the same port, at these addresses, would conflict. */
function overlap(one: string, other: string): boolean {
  return hostsOf(one).some((host) => hostsOf(other).some((second) => meet(host, second) || meet(second, host)));
}

function meet(host: string, other: string): boolean {
  return host === other || (WILDCARDS.has(host) && isIPv6(host) === isIPv6(other));
}

function hostsOf(host: string): readonly string[] {
  return host === 'localhost' ? ['127.0.0.1', '::1'] : [host];
}

/** An onion's address is its key, and Tor encrypts all the way to it. To any other host, what Tor carries leaves it as it is. */
function plaintextProblems({ upstream, 'allow-plaintext-exit': isAllowed }: Values): string[] {
  if (isAllowed) return [];
  return upstream
    .filter(({ protocol, host }) => protocol === 'tcp' && !isOnionHost(host))
    .map(
      ({ url }) =>
        `--upstream ${url}: the exit relay, and all behind it, could read and change everything; write tls:// or https://, or take that with --allow-plaintext-exit`,
    );
}

/** A pin that is not looked at would be a false promise. */
function pinProblems({ upstream, 'upstream-pin': pins }: Values): string[] {
  if (pins.length === 0) return [];
  return upstream
    .filter(({ protocol }) => protocol === 'tcp')
    .map(
      ({ url }) =>
        `--upstream-pin: ${url} has no certificate, and so no key to compare; leave out the one or the other`,
    );
}

/** With one resolver, that one sees everything. */
function shardProblems({ upstream, 'upstream-strategy': strategy }: Values): string[] {
  if (strategy !== 'shard' || new Set(upstream.map(({ url }) => url)).size > 1) return [];
  return ['--upstream-strategy: shard needs at least two different --upstream; add one, or leave the option out'];
}

function torProblems(values: Values): string[] {
  const { 'tor-socks': socks, 'tor-control': control, 'onion-auth-file': onionAuths } = values;
  const problems: string[] = [];
  const addresses = onionAuths.map(({ address }) => address);
  for (const address of new Set(addresses.filter((one, index) => addresses.indexOf(one) !== index))) {
    problems.push(`--onion-auth-file: two files hold a key for ${address}.onion; leave one out`);
  }
  const isNamed = socks.kind === 'tcp' || socks.kind === 'unix';
  if (addresses.length > 0 && isNamed && control.kind === 'none') {
    problems.push(
      '--onion-auth-file: with --tor-control none no key can be given to the Tor at --tor-socks; leave --tor-control out, or put the file into the ClientOnionAuthDir of that Tor',
    );
  }
  if (socks.kind === 'managed' && (control.kind === 'tcp' || control.kind === 'unix')) {
    problems.push(
      '--tor-control: is for a Tor that runs already, and --tor-socks managed asks for another; leave one out',
    );
  }
  return problems;
}
