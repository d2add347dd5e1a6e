import process from 'node:process';
import { type Command, Option } from 'commander';
import { exchange, isOwnAddress, type Server } from '../../client/exchange.ts';
import { buildClientQuery } from '../../client/client-query.ts';
import type { Config } from '../../config/config.ts';
import { ConfigError } from '../../config/config-error.ts';
import { loadSettings, type Sources } from '../../config/load.ts';
import { flagOf, OPTION_KEYS, type OptionKey } from '../../config/options.ts';
import { validate } from '../../config/validate.ts';
import { expandAddresses } from '../../daemon/listen.ts';
import { systemClock } from '../../lib/clock.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { systemRandom } from '../../lib/random.ts';
import { EDNS_OPTION } from '../../message/wire/edns.ts';
import { FLAG } from '../../message/wire/header.ts';
import { type MessageView, viewMessage } from '../../message/text/message-view.ts';
import { CLASS } from '../../message/wire/tables.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { addFlags } from '../flags.ts';
import { fitted } from '../help.ts';
import { renderJson, renderReply, renderShort, type Shown } from '../output/query-text.ts';
import { type QueryWords, readQueryWords } from './query-words.ts';
import { takesCommands } from '../output/style.ts';
import { createTerminal } from '../output/terminal.ts';

const NOTES = `
Words that begin with + are as in dig, each also with "no" in front: +short (the data alone), +tcp, +dnssec (DO=1) and
+cd (do not validate). @ADDRESS is --server. Names may be written in any script.

What dig would not say stands in the line that begins with ";; CAME": whether the answer was in the cache and for how
long, or which resolver gave it, and how long each stage took. dns4tor tells that to programs of its own machine alone.

The exit status is 0 where the question has been answered, be it with "there is no such name" (NXDOMAIN); 1 where it has
not, by SERVFAIL and the like or for want of a reply; 2 where the command line is wrong.

Examples:
  dns4tor query example.com                    its IPv4 addresses, asked of the dns4tor that runs here
  dns4tor query example.com AAAA +short        nothing but the addresses
  dns4tor query -x 192.0.2.1                   the name of an address
  dns4tor query @127.0.0.1 -p 5353 example.com MX +dnssec
  dns4tor query --direct example.com           through Tor, whether a dns4tor runs or not
`;

/** A daemon that has no answer says so when its own time is up. */
const MARGIN_MS = 2000;

/** What says how to go without the daemon. */
const DIRECT_KEYS: readonly OptionKey[] = [
  'upstream',
  'upstream-name',
  'upstream-ca',
  'upstream-pin',
  'upstream-tls-min',
  'allow-plaintext-exit',
  'tor-socks',
  'tor-control',
  'onion-auth-file',
  'tor-binary',
  'tor-option',
];
const KEYS: readonly OptionKey[] = OPTION_KEYS.filter((key) =>
  ['port', 'timeout', 'config', ...DIRECT_KEYS].includes(key),
);

const DOCS = {
  port: 'port at which dns4tor answers',
  timeout: 'how long that dns4tor lets a client wait, and so how long it is waited for, as in 1500ms, 10s or 2m',
} as const;

/** Statuses that answer the question. */
const ANSWERS: readonly string[] = ['NOERROR', 'NXDOMAIN'];

interface Flags {
  readonly x?: string;
  readonly p?: string;
  readonly server?: string;
  readonly direct?: boolean;
  readonly json?: boolean;
}

/** Adds `query`, which asks one question and says how its answer came. */
export function addQuery(program: Command): void {
  const command = program
    .command('query')
    .summary('look up one name, and say how the answer came')
    .description('Looks up one name, shows the answer as dig does, and says how it came.')
    .argument('[words...]', 'NAME, TYPE (A if it is left out), +options and @server, in any order that dig takes')
    .helpOption('-h, --help', 'print this help and exit')
    .optionsGroup('Question:')
    .option('-x <address>', 'ask for the name of an IP address')
    .option('--direct', 'go through Tor without the dns4tor that runs here')
    .option(
      '--server <address>',
      'address of this machine at which dns4tor answers (default: the one that is configured)',
    )
    .addOption(new Option('-p <port>', 'as --port').helpGroup('Listening:'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', fitted(NOTES));
  const flags = addFlags(command, KEYS, DOCS);
  command.action(async (words: readonly string[], { x, p, server, direct, json }: Flags) => {
    const question = readQueryWords(words, x);
    // Leak mutation: question
    const config = load(p === undefined ? flags : { ...flags, port: [p] }, direct === true);
    const query = buildQuery(question);
    const shown =
      direct === true
        ? await askDirect(query, config)
        : await askDaemon(query, config, serverOf(config, server ?? question.server), question.switches.tcp);
    const render = json === true ? renderJson : question.switches.short ? renderShort : renderReply;
    process.stdout.write(render(shown));
    // What is wrong is shown already: a sentence on stderr would only say it again.
    if (!ANSWERS.includes(shown.view.status)) process.exitCode = EXIT_CODES.failure;
  });
}

function load(flags: Sources['flags'], isDirect: boolean): Config {
  const misplaced = isDirect ? [] : DIRECT_KEYS.filter((key) => flags[key] !== undefined);
  const loaded = loadSettings({ flags, env: process.env });
  const problems = misplaced.map(
    (key) => `${flagOf(key)}: means something only with --direct; the dns4tor that runs has its own`,
  );
  return validate({ settings: loaded.settings, problems: [...problems, ...loaded.problems] });
}

function buildQuery({ name, type, switches }: QueryWords): Uint8Array {
  const question = Buffer.concat([name, Uint8Array.of(type >>> 8, type, 0, CLASS.IN)]);
  // As dig does, which shows the AD bit of the answer (RFC 6840 §5.7).
  const flags = FLAG.RD | FLAG.AD | (switches.cd ? FLAG.CD : 0);
  const options = [{ code: EDNS_OPTION.provenance, data: new Uint8Array(0) }];
  return buildClientQuery(systemRandom, { question, flags, dnssecOk: switches.dnssec, options });
}

/** Where the daemon of that configuration answers. */
function serverOf({ addresses, port }: Config, named: string | undefined): Server {
  const [address = ''] = expandAddresses([named ?? addresses[0] ?? '']);
  const problems: string[] = [];
  if (!isOwnAddress(address)) {
    problems.push(
      `--server: '${address}' is no address of this machine; a question sent elsewhere could be read on its way`,
    );
  }
  if (port === 0) problems.push('--port: 0 stands for a free port; give the one that the log of dns4tor names');
  if (problems.length > 0) throw new ConfigError(problems);
  return { address, port };
}

async function askDaemon(query: Uint8Array, config: Config, server: Server, isTcp: boolean): Promise<Shown> {
  const options = { clock: systemClock, timeoutMs: config.timeoutMs + MARGIN_MS };
  const startedAt = systemClock.now();
  const ask = (transport: 'udp' | 'tcp'): Promise<Uint8Array> =>
    exchange(server, query, transport, options).catch((error: unknown) => {
      if (error instanceof Dns4torError) throw error;
      throw new Dns4torError('ERR_QUERY_UNANSWERED', formatHostPort(server.address, server.port), error);
    });
  const first = await ask(isTcp ? 'tcp' : 'udp');
  const firstView = view(first);
  // RFC 7766 §5. By then the answer is in the cache; how it came there, the first reply has said.
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
  // Loaded only now: nothing else needs all that a daemon is made of.
  const { askDirectly } = await import('../../daemon/direct.ts');
  const terminal = createTerminal(
    (text) => process.stderr.write(text),
    () => process.stderr.columns,
  );
  const startedAt = systemClock.now();
  const { reply, steps } = await askDirectly(query, {
    config,
    clock: systemClock,
    random: systemRandom,
    env: process.env,
    bootstrapDisplay: (percent, summary) => {
      if (takesCommands(process.stderr, process.env)) terminal.showBootstrap(percent, summary);
    },
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
