import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/failures/failures.ts';
import { type Access, BRIDGE_HOST, SILENT_HOST } from '../fixtures/namespace/internet.ts';
import type { NetworkNamespace } from '../fixtures/namespace/network-namespace.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { type RunningProcess, startProcess } from '../fixtures/process/process.ts';
import { runProgram } from '../fixtures/process/run-program.ts';
import { processLines } from '../fixtures/tor/torrc.ts';
import type { CensoredLaboratory } from './censored-laboratory.ts';

/** Why Tor does not start, and what dns4tor says about it. */
export interface Situation {
  readonly name: string;
  readonly access: Access;
  /** The name server of the machine. @default one that is silent */
  readonly nameserver?: string;
  readonly code: ErrorCode;
  /** How long after its start dns4tor says so, at most. */
  readonly withinSeconds: number;
  /** Whether Tor runs beside dns4tor, instead of being managed. @default false */
  readonly isBeside?: boolean;
  /** The line of the only bridge. @default no bridge */
  readonly bridge?: (laboratory: CensoredLaboratory) => string;
  /** Further flags of dns4tor. @default none */
  readonly flags?: (parts: SituationParts) => Promise<readonly string[]>;
  /** Whether Tor goes on once the network lets packets through. */
  readonly recovers: boolean;
}

export interface SituationParts {
  /** For files of the situation. */
  readonly directory: string;
}

/** All flags of a dns4tor in the situation. */
export async function flagsIn(
  { bridge, flags, isBeside = false }: Situation,
  laboratory: CensoredLaboratory,
  parts: SituationParts,
): Promise<readonly string[]> {
  if (isBeside) {
    const { socks, control } = socketsIn(parts.directory);
    return [...laboratory.upstreamFlags, '--tor-socks', `unix:${socks}`, '--tor-control', `unix:${control}`];
  }
  const bridges = bridge === undefined ? [] : ['--bridge', bridge(laboratory)];
  return [...laboratory.flags, ...bridges, ...((await flags?.(parts)) ?? [])];
}

/** Starts the tor that runs beside dns4tor. */
export async function startTorBeside(
  client: NetworkNamespace,
  laboratory: CensoredLaboratory,
  { directory }: SituationParts,
): Promise<RunningProcess> {
  const path = join(directory, 'torrc');
  const { socks, control } = socketsIn(directory);
  const lines = [...processLines(directory), `SocksPort unix:${socks} ExtendedErrors`];
  await writeFile(path, [...laboratory.network.clientTorrc, ...lines, ''].join('\n'));
  const [program, ...args] = [...client.via, await findProgram('tor')];
  const tor = await startProcess(program, [...args, '--defaults-torrc', '/dev/null', '-f', path]);
  await tor.waitUntil('tor listens', LISTEN_TIMEOUT_MS, () => existsSync(socks) && existsSync(control));
  return tor;
}

function socketsIn(directory: string): { readonly socks: string; readonly control: string } {
  return { socks: join(directory, 'socks'), control: join(directory, 'control') };
}

const LISTEN_TIMEOUT_MS = 10_000;

const FINGERPRINT = '2B280B23E1107BB62ABFC40DDCC8824814F80A72';

/** A port at which nobody listens. */
const CLOSED_PORT = 9;

/** A bridge line for snowflake, whose servers have names that no name server resolves here. */
export const SNOWFLAKE_LINE: string = [
  `snowflake 192.0.2.3:80 ${FINGERPRINT} fingerprint=${FINGERPRINT}`,
  'url=https://broker.example.com/ ice=stun:stun.example.com:3478 utls-imitate=hellorandomizedalpn',
].join(' ');

/** Tor is stuck after 20 s without progress. A wrong clock is known earlier. */
const [STUCK_SECONDS, CLOCK_SECONDS] = [25, 20];

const BLOCKED = { code: 'ERR_TOR_BLOCKED', withinSeconds: STUCK_SECONDS, recovers: true } as const;
const NOT_BLOCKED = { access: 'open', withinSeconds: STUCK_SECONDS, recovers: false } as const;
const NO_BROKER = { ...NOT_BLOCKED, code: 'ERR_TOR_TRANSPORT_NAME', bridge: () => SNOWFLAKE_LINE } as const;

export const SITUATIONS: readonly Situation[] = [
  { ...BLOCKED, name: 'offline', access: 'offline', code: 'ERR_TOR_OFFLINE' },
  { ...BLOCKED, name: 'packets to relays are dropped', access: 'drops relays' },
  {
    ...BLOCKED,
    name: 'packets of a tor beside dns4tor are dropped',
    access: 'drops relays',
    isBeside: true,
  },
  { ...BLOCKED, name: 'connections to relays are reset', access: 'refuses relays' },
  { ...BLOCKED, name: 'a login page answers in place of relays', access: 'intercepts relays' },
  { ...BLOCKED, name: 'only a bridge is let through, and none is configured', access: 'only the bridge' },
  ...(['-3d', '+3d'] as const).map(
    (shift): Situation => ({
      ...NOT_BLOCKED,
      name: `the clock is wrong by ${shift}`,
      code: 'ERR_TOR_CLOCK',
      withinSeconds: CLOCK_SECONDS,
      flags: async ({ directory }) => ['--tor-binary', await torWithShiftedClock(directory, shift)],
    }),
  ),
  {
    ...NOT_BLOCKED,
    name: 'the bridge is silent',
    code: 'ERR_TOR_BRIDGES',
    bridge: (laboratory) => obfs4LineAt(laboratory, `${SILENT_HOST}:443`),
  },
  {
    ...NOT_BLOCKED,
    name: 'the bridge refuses connections',
    code: 'ERR_TOR_BRIDGES',
    bridge: (laboratory) => obfs4LineAt(laboratory, `${BRIDGE_HOST}:${CLOSED_PORT}`),
  },
  {
    ...NOT_BLOCKED,
    name: 'a bridge without transport refuses connections',
    code: 'ERR_TOR_BRIDGES',
    bridge: () => `${BRIDGE_HOST}:${CLOSED_PORT} ${FINGERPRINT}`,
  },
  {
    ...NOT_BLOCKED,
    name: 'the bridge has another fingerprint',
    code: 'ERR_TOR_BRIDGES',
    bridge: ({ bridge: { host, orPort } }) => `${host}:${orPort} ${FINGERPRINT}`,
  },
  {
    ...NOT_BLOCKED,
    name: "the transport's program ends at once",
    code: 'ERR_TOR_TRANSPORT',
    bridge: ({ bridge }) => bridge.lines.obfs4,
    flags: async ({ directory }) => ['--transport', `obfs4=${await writeScript(join(directory, 'ends'), 'exit 1')}`],
  },
  { ...NO_BROKER, name: "no name server answers for snowflake's broker", flags: snowflakeFlags },
  {
    ...NO_BROKER,
    name: "dns4tor is the name server for snowflake's broker",
    nameserver: '127.0.0.1',
    flags: async () => ['--port', '53', ...(await snowflakeFlags())],
  },
];

/** What must stay secret of a bridge line: its address, fingerprint, and the values and hosts of its arguments. */
export function secretsOf(line: string): readonly string[] {
  const words = line.split(' ').filter((word) => /[.=]|^[0-9A-F]{40}$/.test(word));
  const values = words.map((word) => word.slice(word.indexOf('=') + 1)).filter((value) => value.length > 1);
  return values.map((value) => (/(?<=\/\/|stun:)[^/:]+|^[\d.]+(?=:)/.exec(value)?.[0] ?? value).toLowerCase());
}

/** Further flags for {@link SNOWFLAKE_LINE}. */
export async function snowflakeFlags(): Promise<readonly string[]> {
  return ['--transport', `snowflake=${await findProgram('snowflake-client')}`];
}

/** The line of the laboratory's bridge, with another address. */
function obfs4LineAt({ bridge }: CensoredLaboratory, address: string): string {
  const { host, obfs4Port, lines } = bridge;
  return lines.obfs4.replace(`${host}:${obfs4Port}`, address);
}

/** Writes a script that runs tor with a shifted clock, in the process that started the script. */
async function torWithShiftedClock(directory: string, shift: string): Promise<string> {
  const library = (await runProgram('faketime', ['-f', shift, 'printenv', 'LD_PRELOAD'])).trim();
  const tor = await findProgram('tor');
  return writeScript(join(directory, 'shifted-tor'), `LD_PRELOAD='${library}' FAKETIME=${shift} exec ${tor} "$@"`);
}

async function writeScript(path: string, command: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  return path;
}
