// Reports a port in use before anything is installed, built or started. Plain JavaScript with only built-in modules,
// like prepare.js, because the machine's own Node may be too old for src/system/sockets/port-holders.ts.
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, isIPv6 } from 'node:net';
import { PrepareError } from './prepare.js';

/** Options of `proxy-dns` with which it opens no port. */
const WITHOUT_PORT = /^--?(?:check|help|h)\b/;

/** States of a socket that accepts clients (net/tcp_states.h). */
const LISTENING = { udp: '07', udp6: '07', tcp: '0A', tcp6: '0A' };

/**
 * Refuses to go on if another program uses the port that dns4tor would listen on.
 *
 * @param args as for `dns4tor proxy-dns`: the last `--port` counts, and every `--address`
 */
export async function requireFreePort(args) {
  if (args.some((argument) => WITHOUT_PORT.test(argument))) return;
  const port = Number(valuesOf(args, 'port').at(-1));
  if (!(port > 0 && port < 65_536)) return;
  const addresses = valuesOf(args, 'address').flatMap((value) => value.split(','));
  for (const address of addresses.flatMap((name) => (name === 'localhost' ? ['127.0.0.1', '::1'] : [name]))) {
    if ((await isTaken(openUdp, address, port)) || (await isTaken(openTcp, address, port))) {
      const names = holdersOf(port);
      const holder = names.length === 0 ? '' : ` (${names.join(', ')})`;
      throw new PrepareError(
        `Port ${port} of ${address} is taken by another program${holder}. ` +
          `Stop it, or run the command again with another port: add \`-- --port ${port + 1}\`.`,
      );
    }
  }
}

/** The values of an option that is given as `--name value` or `--name=value`, with one hyphen or two. */
function valuesOf(args, name) {
  return args.flatMap((argument, index) => {
    const [, flag, value] = /^--?([a-z-]+)(?:=(.*))?$/.exec(argument) ?? [];
    return flag === name ? [value ?? args[index + 1] ?? ''] : [];
  });
}

/** Whether another program has the port. An address that this machine lacks is for `proxy-dns` to report. */
async function isTaken(open, address, port) {
  try {
    await open(address, port);
    return false;
  } catch ({ code }) {
    return code === 'EADDRINUSE';
  }
}

function openUdp(address, port) {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', ipv6Only: isIPv6(address) });
    // The address is an IP literal or invalid. Nothing may be looked up.
    socket.on('error', reject).bind({ address, port }, () => socket.close(resolve));
  });
}

function openTcp(host, port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject).listen({ host, port, ipv6Only: isIPv6(host) }, () => server.close(resolve));
  });
}

/** Names of the programs that listen on the port, as far as the system shows them: only root sees those of others. */
function holdersOf(port) {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const links = new Set();
  for (const [table, state] of Object.entries(LISTENING)) {
    for (const line of read(`/proc/self/net/${table}`).split('\n')) {
      const columns = line.trim().split(/\s+/);
      if (columns[1]?.endsWith(suffix) && columns[3] === state) links.add(`socket:[${columns[9]}]`);
    }
  }
  const processes = links.size === 0 ? [] : list('/proc').filter((name) => /^\d+$/.test(name));
  const isHolder = (pid) => list(`/proc/${pid}/fd`).some((fd) => links.has(linkAt(`/proc/${pid}/fd/${fd}`)));
  return [...new Set(processes.filter(isHolder).map((pid) => read(`/proc/${pid}/comm`).trim()))];
}

function read(path) {
  return orElse('', () => readFileSync(path, 'utf8'));
}

function list(path) {
  return orElse([], () => readdirSync(path));
}

function linkAt(path) {
  return orElse('', () => readlinkSync(path));
}

/** The result of `get`, or `other` for what this user may not see. */
function orElse(other, get) {
  try {
    return get();
  } catch {
    return other;
  }
}
