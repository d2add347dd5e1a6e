import process from 'node:process';
import { type Command, Option } from 'commander';
import { buildClientQuery } from '../../../client/client-query.ts';
import { exchange, isOwnAddress, type Server } from '../../../client/exchange.ts';
import type { Config } from '../../../config/config.ts';
import { ConfigError, type Problem } from '../../../config/config-problem.ts';
import { type Loaded, loadSettings, type Sources } from '../../../config/load.ts';
import { flagOf, OPTION_KEYS, type OptionKey } from '../../../config/options.ts';
import { validate, validateSome } from '../../../config/validate.ts';
import { expandAddresses } from '../../../daemon/expand-addresses.ts';
import { Dns4torError } from '../../../failures/errors.ts';
import { systemClock } from '../../../lib/clock.ts';
import { formatHostPort } from '../../../lib/host-port.ts';
import { systemRandom } from '../../../lib/random.ts';
import { type MessageView, viewMessage } from '../../../message/text/message-view.ts';
import { EDNS_OPTION } from '../../../message/wire/edns.ts';
import { FLAG } from '../../../message/wire/header.ts';
import { CLASS } from '../../../message/wire/tables.ts';
import { EXIT_CODES } from '../../exit-codes.ts';
import { addFlags } from '../../flags.ts';
import { fitted } from '../../help.ts';
import { renderJson, renderReply, renderShort, type Shown } from '../../output/query-text.ts';
import { takesCommands } from '../../output/style.ts';
import { createTerminal } from '../../output/terminal.ts';
import { columnsOf } from '../../output/terminal-size.ts';
import { type QueryWords, readQueryWords } from './query-words.ts';

const NOTES = `
Options that begin with + are as in dig, and can be negated (+notcp): +short (only the data), +tcp, +dnssec (set DO) and
+cd (set CD: do not validate). @ADDRESS is the same as --server. Names may be internationalized.

The line ";; CAME" says where the answer is from: the cache and its age there, or the resolver and how long each stage
took. dns4tor tells that only to programs on its own machine.

The exit status is 0 if the query is answered (NOERROR or NXDOMAIN), 1 if it fails (SERVFAIL and the like, or no reply),
and 2 if the command line is invalid.

Examples:
  dns4tor query example.com                    look up IPv4 addresses with the running dns4tor
  dns4tor query example.com AAAA +short        print only the IPv6 addresses
  dns4tor query -x 192.0.2.1                   look up the name of an address
  dns4tor query @127.0.0.1 -p 5053 example.com MX +dnssec
  dns4tor query --direct example.com           query through Tor, without a running dns4tor
`;

/** Waits longer than the daemon, which replies with SERVFAIL at its own time-out. */
const MARGIN_MS = 2000;

/** Options for `--direct`, which replaces the daemon. */
const DIRECT_KEYS: readonly OptionKey[] = [
  'upstream',
  'upstream-name',
  'upstream-ca',
  'upstream-pin',
  'upstream-tls-min',
  'allow-plaintext-exit',
  'route',
  'allow-public-routes',
  'tor-socks',
  'tor-control',
  'onion-auth-file',
  'tor-binary',
  'bridge',
  'bridges-file',
  'transport',
  'tor-option',
];
const KEYS: readonly OptionKey[] = OPTION_KEYS.filter((key) =>
  ['port', 'timeout', 'config', ...DIRECT_KEYS].includes(key),
);

const DOCS = {
  port: 'port at which dns4tor answers',
  timeout: 'the --timeout of dns4tor, which is also how long to wait for it, as in 1500ms, 10s or 2m',
} as const;

/** RCODEs that answer the question. */
const ANSWERS: readonly string[] = ['NOERROR', 'NXDOMAIN'];

interface Flags {
  readonly x?: string;
  readonly p?: string;
  readonly server?: string;
  readonly direct?: boolean;
  readonly json?: boolean;
}

/** Adds `query`, which looks up one name and says where the answer is from. */
export function addQuery(program: Command): void {
  const command = program
    .command('query')
    .summary('look up one name, and say where the answer is from')
    .description('Looks up one name, prints the answer as dig does, and says where it is from.')
    .argument('[words...]', 'NAME, TYPE (default: A), +options and @server, in any order that dig accepts')
    .helpOption('-h, --help', 'print this help and exit')
    .optionsGroup('Question:')
    .option('-x <address>', 'look up the name of an IP address')
    .option('--direct', 'query through Tor, without the running dns4tor')
    .option('--server <address>', 'address of dns4tor on this machine (default: the configured one)')
    .addOption(new Option('-p <port>', 'same as --port').helpGroup('Listening:'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', fitted(NOTES));
  const flags = addFlags(command, KEYS, DOCS);
  command.action(async (words: readonly string[], { x, p, server, direct, json }: Flags) => {
    const question = readWords(words, x, flags.bridge !== undefined);
    // Leak mutation: question
    const loaded = load(p === undefined ? flags : { ...flags, port: [p] }, direct === true);
    const query = buildQuery(question);
    const shown =
      direct === true
        ? await askDirect(query, validate(loaded))
        : await askDaemon(query, daemonOf(loaded, server ?? question.server), question.switches.tcp);
    const render = json === true ? renderJson : question.switches.short ? renderShort : renderReply;
    process.stdout.write(render(shown));
    // The reply shows what failed, so nothing more is printed.
    if (!ANSWERS.includes(shown.view.status)) process.exitCode = EXIT_CODES.failure;
  });
}

/** Beside a bridge, a wrong word may be the rest of its line, so it is not quoted. */
function readWords(words: readonly string[], x: string | undefined, hasBridge: boolean): QueryWords {
  try {
    return readQueryWords(words, x);
  } catch (error) {
    if (!hasBridge || !(error instanceof ConfigError)) throw error;
    throw new ConfigError([{ problem: 'not a name, a type and options of dig', remedy: 'quote each bridge line' }]);
  }
}

function load(flags: Sources['flags'], isDirect: boolean): Loaded {
  const misplaced = isDirect ? [] : DIRECT_KEYS.filter((key) => flags[key] !== undefined);
  const loaded = loadSettings({ flags, env: process.env });
  const problems = misplaced.map(
    (key): Problem => ({
      problem: `${flagOf(key)}: has an effect only with --direct`,
      remedy: 'add --direct, or remove the option (the running dns4tor has its own setting)',
    }),
  );
  return { settings: loaded.settings, problems: [...problems, ...loaded.problems] };
}

function buildQuery({ name, type, switches }: QueryWords): Uint8Array {
  const question = Buffer.concat([name, Uint8Array.of(type >>> 8, type, 0, CLASS.IN)]);
  // AD asks for the AD bit in the answer, as in dig (RFC 6840 §5.7).
  const flags = FLAG.RD | FLAG.AD | (switches.cd ? FLAG.CD : 0);
  const options = [{ code: EDNS_OPTION.provenance, data: new Uint8Array(0) }];
  return buildClientQuery(systemRandom, { question, flags, dnssecOk: switches.dnssec, options });
}

/** A daemon, and how long to wait for its answer. */
interface RunningDaemon {
  readonly server: Server;
  readonly timeoutMs: number;
}

/** Returns where the daemon of that configuration answers. */
function daemonOf(loaded: Loaded, named: string | undefined): RunningDaemon {
  const { address: addresses, port, timeout: timeoutMs } = validateSome(loaded, ['address', 'port', 'timeout']);
  const [address = ''] = expandAddresses([named ?? addresses[0] ?? '']);
  const problems: Problem[] = [];
  if (!isOwnAddress(address)) {
    problems.push({
      problem: `--server: '${address}' is not an address of this machine`,
      remedy: 'give a local address, because a query to another machine could be read on the way',
    });
  }
  if (port === 0) {
    problems.push({ problem: '--port: 0 means any free port', remedy: 'give the port that the log of dns4tor names' });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { server: { address, port }, timeoutMs };
}

async function askDaemon(query: Uint8Array, { server, timeoutMs }: RunningDaemon, isTcp: boolean): Promise<Shown> {
  const options = { clock: systemClock, timeoutMs: timeoutMs + MARGIN_MS };
  const startedAt = systemClock.now();
  const ask = (transport: 'udp' | 'tcp'): Promise<Uint8Array> =>
    exchange(server, query, transport, options).catch((error: unknown) => {
      if (error instanceof Dns4torError) throw error;
      throw new Dns4torError('ERR_QUERY_UNANSWERED', formatHostPort(server.address, server.port), error);
    });
  const first = await ask(isTcp ? 'tcp' : 'udp');
  const firstView = view(first);
  // RFC 7766 §5. By then the answer is in the cache, so the first reply says where it is from.
  const isCut = !isTcp && firstView.flags.includes('tc');
  const reply = isCut ? await ask('tcp') : first;
  return {
    view: isCut ? view(reply) : firstView,
    provenance: firstView.edns?.provenance,
    steps: [],
    server: `${server.address}#${server.port}(${server.address}) (${isTcp || isCut ? 'TCP' : 'UDP'})`,
    durationMs: systemClock.now() - startedAt,
    atEpochMs: systemClock.epochMs(),
    bytes: reply.length,
  };
}

async function askDirect(query: Uint8Array, config: Config): Promise<Shown> {
  // Loaded here, because only --direct needs most of the daemon's modules.
  const { askDirectly } = await import('../../../daemon/direct.ts');
  const terminal = createTerminal(
    (text) => process.stderr.write(text),
    () => columnsOf(process.stderr),
  );
  const startedAt = systemClock.now();
  const { reply, steps } = await askDirectly(query, {
    config,
    clock: systemClock,
    random: systemRandom,
    env: process.env,
    ...(takesCommands(process.stderr, process.env) ? { bootstrapDisplay: terminal } : {}),
  }).finally(() => terminal.clear());
  const shown = view(reply);
  return {
    view: shown,
    provenance: shown.edns?.provenance,
    steps,
    server: 'none, --direct (Tor)',
    durationMs: systemClock.now() - startedAt,
    atEpochMs: systemClock.epochMs(),
    bytes: reply.length,
  };
}

function view(reply: Uint8Array): MessageView {
  const shown = viewMessage(reply);
  if (shown === undefined) throw new Dns4torError('ERR_RESPONSE_MALFORMED');
  return shown;
}
