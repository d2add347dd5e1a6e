import { hostname, networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { readDirectory, writeFiles } from '../../certificate/certificate-directory.ts';
import { clientAddresses } from '../../certificate/clients/client-addresses.ts';
import { clientFiles } from '../../certificate/clients/client-files.ts';
import { planCertificate } from '../../certificate/plan-certificate.ts';
import { machineNames, networksOf, privateAddresses, toServerName } from '../../certificate/server-names.ts';
import { ConfigError, type Parsed, type Problem } from '../../config/config-problem.ts';
import { type Loaded, loadSettings } from '../../config/load.ts';
import type { OptionKey } from '../../config/options.ts';
import { parseInteger } from '../../config/parse/quantity.ts';
import { validateSome } from '../../config/validate.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/random.ts';
import { MAX_LIFE_DAYS } from '../../model/tls/certificate-validity.ts';
import { createFileSystem, isErrno } from '../../system/transaction/file-system.ts';
import { stateDirectory } from '../../tor/process/state-directory.ts';
import { addFlags } from '../flags.ts';
import { fitted } from '../help.ts';
import { type Made, renderGuide, renderMade, renderMadeJson } from '../output/certificate-guide.ts';
import { argument } from './system-options.ts';

const NOTES = `
NAME is a host name or an IP address of this machine. Clients use the first one. Without any, they are those of the
present certificate or, if there is none, the private IPv4 addresses of this machine, its host name and localhost.

The directory is /etc/dns4tor/tls if root runs the command, otherwise dns4tor/tls in $XDG_STATE_HOME (~/.local/state).
Run the command again to renew the certificate. The authority stays the same, so the devices stay set up, and so does
the key of the server. With other names, add --new-ca: an authority is for its names only.

Examples:
  sudo dns4tor certificate                              for this machine, or renew what is there
  sudo dns4tor certificate dns.home.arpa 192.168.1.2    for these names
  dns4tor certificate --directory tls --dry-run         show what would be made
`;

const DEFAULT_DAYS = 730;
/** Bounds the size of the certificate. */
const MAX_NAMES = 64;

/** For directories. The modes of files do not depend on it. */
const UMASK = 0o022;

const DIRECTORY_OF_ROOT = '/etc/dns4tor/tls';

interface Flags {
  readonly directory?: string;
  readonly days: number;
  readonly newCa?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Adds `certificate`, which makes a certificate for the listeners of DoT and DoH, and files that set clients up. */
export function addCertificate(program: Command): void {
  const command = program
    .command('certificate')
    .summary('make a certificate for browsers and phones')
    .description(
      'Makes a certificate authority and a certificate for DNS over HTTPS and TLS, and files that set browsers and phones to dns4tor.',
    )
    .argument('[name...]', 'host name or IP address of this machine')
    .helpOption('-h, --help', 'print this help and exit')
    .option('--directory <directory>', 'where the files are')
    .option(
      '--days <days>',
      `validity of the certificate in days, at most ${MAX_LIFE_DAYS}: more is refused by Apple's systems`,
      argument('--days', (text) => parseInteger(text, { min: '1', max: String(MAX_LIFE_DAYS) })),
      DEFAULT_DAYS,
    )
    .option('--new-ca', 'replace the certificate authority; all devices have to be set up again')
    .option('--dry-run', 'show what would be made, and make nothing')
    .option('--json', 'print one JSON object')
    .addHelpText('after', fitted(NOTES));
  const flags = addFlags(command, ['doh-port', 'doh-path', 'dot-port', 'config'], {
    'doh-port': 'port of DNS over HTTPS that clients use',
    'doh-path': 'path of DNS over HTTPS that clients use',
    'dot-port': 'port of DNS over TLS that clients use',
  });
  command.action(async (words: readonly string[], options: Flags) => {
    const names = words.length === 0 ? undefined : toServerNames(words);
    const { dryRun = false, json = false } = options;
    const loaded = loadSettings({ flags, env: process.env });
    const made = await make(names, options, loaded, dryRun).catch(explainDenied);
    process.stdout.write(
      json ? renderMadeJson(made, dryRun) : `${renderMade(made, dryRun)}${renderGuide(made, dryRun)}`,
    );
  });
}

async function make(
  names: readonly string[] | undefined,
  { directory: named, days, newCa = false }: Flags,
  loaded: Loaded,
  isDryRun: boolean,
): Promise<Made> {
  const settings = validateSome(loaded, ['doh-address', 'doh-port', 'doh-path', 'dot-address', 'dot-port']);
  const { 'doh-port': dohPort, 'doh-path': dohPath, 'dot-port': dotPort } = settings;
  requirePorts({ 'doh-port': dohPort, 'dot-port': dotPort });
  const listening = [...settings['doh-address'], ...settings['dot-address']];
  const isRoot = process.geteuid?.() === 0;
  const directory = resolve(named ?? defaultDirectory(isRoot));
  const fs = createFileSystem();
  const plan = planCertificate(
    { clock: systemClock, random: systemRandom },
    await readDirectory(fs, directory, newCa),
    {
      directory,
      names,
      ownNames: machineNames(hostname(), networkInterfaces, listening),
      days,
    },
  );
  const addresses = clientAddresses(plan.names, { dohPort, dohPath, dotPort });
  const changes = [...plan.changes, ...clientFiles(addresses, plan.authority.certificate, directory)];
  const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  // Overrides the shell's: browsers of all users read the authority's certificate. The modes of keys are explicit.
  process.umask(UMASK);
  if (!isDryRun) await writeFiles(fs, directory, changes, owner);
  return {
    ...plan,
    directory,
    addresses,
    files: changes.filter(({ text }) => text !== undefined).map(({ name }) => name),
    networks: networksOf(plan.names, networkInterfaces),
    // Addresses that the machine has gained since, for example in another network.
    unnamed: privateAddresses(networkInterfaces).filter((address) => !plan.names.includes(address)),
  };
}

/** Adds the usual remedy to an error of a user who may not read or change the directory. */
function explainDenied(error: unknown): never {
  const isDenied = error instanceof Dns4torError && error.code === 'ERR_SYSTEM_FILE' && isErrno(error.cause, 'EACCES');
  if (!isDenied) throw error;
  throw new Dns4torError(
    error.code,
    error.detail,
    error.cause,
    'run it again with sudo, or choose another --directory',
  );
}

/** Clients have to be told a port. */
function requirePorts(ports: Readonly<Partial<Record<OptionKey, number>>>): void {
  const unknown = Object.entries(ports).filter(([, port]) => port === 0);
  if (unknown.length === 0) return;
  throw new ConfigError(
    unknown.map(([key]) => ({
      problem: `--${key}: 0 means any free port`,
      remedy: 'give the port that clients are to use',
    })),
  );
}

function toServerNames(words: readonly string[]): readonly string[] {
  const parsed = words.map((word): Parsed<string> => {
    const name = toServerName(word);
    if (name !== undefined) return { value: name };
    return {
      problem: `certificate: '${word}' is neither a host name nor an IP address`,
      remedy: 'give names and addresses of this machine, such as dns.home.arpa and 192.168.1.2',
    };
  });
  const problems: Problem[] = parsed.flatMap((one) => ('problem' in one ? [one] : []));
  if (words.length > MAX_NAMES) {
    problems.push({ problem: `certificate: ${words.length} names`, remedy: `give at most ${MAX_NAMES}` });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return [...new Set(parsed.flatMap((one) => ('value' in one ? [one.value] : [])))];
}

function defaultDirectory(isRoot: boolean): string {
  if (isRoot) return DIRECTORY_OF_ROOT;
  try {
    return join(stateDirectory(process.env), 'tls');
  } catch (error) {
    const remedy = 'name a directory with --directory';
    throw new ConfigError([{ problem: 'certificate: the user has no home directory', remedy }], error);
  }
}
