import { type Bridge, type TransportProgram, VANILLA } from '../model/bridge.ts';
import { locate, type Problem } from './config-problem.ts';
import { checkTransportProgram, findInPath } from './files.ts';
import type { Values } from './option-values.ts';
import { MAX_BRIDGES } from './options/tor-options.ts';

/** Programs for a pluggable transport, and how to get one. */
interface KnownTransport {
  /** Names in PATH, the preferred one first. */
  readonly programs: readonly string[];
  readonly remedy: string;
}

/** The transports whose programs are found in PATH. */
const KNOWN_TRANSPORTS: Readonly<Record<string, KnownTransport>> = {
  obfs4: { programs: ['lyrebird', 'obfs4proxy'], remedy: 'install the package obfs4proxy or lyrebird' },
  meek_lite: { programs: ['lyrebird', 'obfs4proxy'], remedy: 'install the package obfs4proxy or lyrebird' },
  snowflake: { programs: ['snowflake-client'], remedy: 'install the package snowflake-client' },
  // Lyrebird carries it since 2024. Debian 12 has neither program.
  webtunnel: {
    programs: ['webtunnel-client', 'lyrebird'],
    remedy: "install lyrebird, or name Tor Browser's with --transport webtunnel=/path (docs/bridges.md)",
  },
};

/** The bridges of all options, the programs that they need, and what is wrong with them. */
export interface ResolvedBridges {
  readonly bridges: readonly Bridge[];
  /** One for each pluggable transport of the bridges, as far as it was found. */
  readonly transports: readonly TransportProgram[];
  readonly problems: readonly Problem[];
}

interface PlacedBridge {
  /** Where the line is, for people. */
  readonly place: string;
  readonly bridge: Bridge;
}

/** Collects the bridges of `--bridge` and `--bridges-file`, and finds the programs of their transports. */
export function resolveBridges(values: Values): ResolvedBridges {
  const placed = placedBridges(values);
  const bridges = placed.map(({ bridge }) => bridge);
  const named = values.transport;
  const needed = new Set(bridges.map(({ transport }) => transport).filter((transport) => transport !== VANILLA));
  const problems: Problem[] = [
    ...countProblems(placed),
    ...placed.flatMap((one, index) => duplicateProblems(one, placed.slice(0, index))),
    ...placed.flatMap((one) => unknownTransportProblems(one, named)),
    ...namedTwiceProblems(named),
    ...named.flatMap(({ transport }) => (needed.has(transport) ? [] : [unusedTransport(transport)])),
  ];
  const transports: TransportProgram[] = [];
  for (const transport of needed) {
    const program = named.find((one) => one.transport === transport) ?? findTransportProgram(transport);
    if (program === undefined) continue;
    if ('problem' in program) problems.push(program);
    else transports.push(program);
  }
  return { bridges, transports, problems };
}

/** Problems may name the place of a line, but not quote the line. */
function placedBridges({ bridge: bridges, 'bridges-file': files }: Values): readonly PlacedBridge[] {
  return [
    ...bridges.map((bridge, index) => ({ place: bridgePlace('--bridge', index, bridges.length), bridge })),
    ...files.flatMap((file) =>
      file.bridges.map(({ lineNumber, bridge }) => ({
        place: `--bridges-file: '${file.path}' line ${lineNumber}`,
        bridge,
      })),
    ),
  ];
}

/**
 * Numbers the value of a secret list, whose problems cannot quote it. The first one is 1; a single one has no number.
 */
export function bridgePlace(place: string, index: number, count: number): string {
  return count === 1 ? place : `${place}, number ${index + 1}`;
}

function countProblems({ length }: readonly PlacedBridge[]): readonly Problem[] {
  return length <= MAX_BRIDGES
    ? []
    : [{ problem: `--bridges-file: ${length} bridges in all`, remedy: `give at most ${MAX_BRIDGES}` }];
}

function duplicateProblems({ place, bridge }: PlacedBridge, earlier: readonly PlacedBridge[]): readonly Problem[] {
  const same = earlier.find((one) => bridge.isAtAddressOf(one.bridge));
  if (same === undefined) return [];
  const problem = `${place}: the bridge has the address and port of another one (${same.place}); tor would drop one`;
  return [{ problem, remedy: 'remove one of the two lines' }];
}

function unknownTransportProblems({ place, bridge }: PlacedBridge, named: readonly TransportProgram[]): Problem[] {
  const { transport } = bridge;
  const isKnown = transport === VANILLA || Object.hasOwn(KNOWN_TRANSPORTS, transport);
  if (isKnown || named.some((one) => one.transport === transport)) return [];
  // Of a line that was cut, the first word may be its secret part, so it is not quoted.
  return [
    {
      problem: `${place}: the line does not begin with a known transport (${Object.keys(KNOWN_TRANSPORTS).join(', ')}) or an address`,
      remedy: 'correct the line, or name the program of another transport with --transport name=/path',
    },
  ];
}

function namedTwiceProblems(named: readonly TransportProgram[]): Problem[] {
  const names = named.map(({ transport }) => transport);
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...repeated].map((name) => ({
    problem: `--transport: two programs for ${name}`,
    remedy: 'remove one of them',
  }));
}

function unusedTransport(transport: string): Problem {
  return {
    problem: `--transport: no bridge uses ${transport}`,
    remedy: 'add its bridges with --bridge or --bridges-file, or remove the option',
  };
}

/** Undefined for an unknown transport. */
function findTransportProgram(transport: string): TransportProgram | Problem | undefined {
  if (!Object.hasOwn(KNOWN_TRANSPORTS, transport)) return undefined;
  const { programs, remedy } = KNOWN_TRANSPORTS[transport]!;
  const path = programs.map(findInPath).find((found) => found !== undefined);
  if (path === undefined) {
    return { problem: `bridges: no program for ${transport} in PATH (${programs.join(', ')})`, remedy };
  }
  const checked = checkTransportProgram(path);
  return 'problem' in checked ? locate(`bridges: program for ${transport}`, checked) : { transport, path };
}
