import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { envNamesOf, flagOf, OPTION_KEYS, type OptionKey } from '../../src/config/options.ts';
import type { ProgramModel } from '../commands.ts';
import { renderCommand, renderUsage } from './command-section.ts';
import { mdocText, mdocWord } from './mdoc.ts';
import { renderHead } from './page-head.ts';

const ABOUT = `
It answers queries over UDP and TCP from its cache. It forwards other queries as DNS over HTTPS (RFC 8484) to a resolver that is an onion service.
Your network sees only that you use Tor. The resolver sees the questions, not who asks them. There is no plain DNS, no direct connection and no
fallback resolver.`;

const SERVICE = `
As a service, it gets its sockets from systemd: \`dns4tor.socket\` for queries, \`dns4tor-dot.socket\` and \`dns4tor-doh.socket\` for encrypted ones,
and \`dns4tor-metrics.socket\` for metrics. The service itself has no access to the network. The service alone does not change how this machine
resolves names. \`dns4tor install\` does that, and \`dns4tor uninstall\` undoes it.`;

const FILES: readonly (readonly [path: string, doc: string])[] = [
  ['/etc/dns4tor.toml', 'Configuration of the service.'],
  ['/run/tor/socks', 'Socket by which the service reaches Tor.'],
  [
    '/usr/share/doc/dns4tor/examples',
    'Drop-ins for the service, alert rules for Prometheus, and a dashboard for Grafana.',
  ],
  ['/var/lib/dns4tor-install', 'Original files for `dns4tor uninstall`, while `dns4tor install` is in effect.'],
  ['/var/lib/dns4tor-install.json', 'Tells the running dns4tor that `dns4tor install` is in effect, or paused.'],
];

const EXIT_DOCS = {
  ok: 'Success, or the daemon was told to stop.',
  failure: 'Failure for a reason other than the command line and configuration. Standard error names the reason.',
  usage: 'The command line, the environment or the configuration is invalid. Standard error has one line per problem.',
  defect: 'A defect of dns4tor.',
} as const satisfies Record<keyof typeof EXIT_CODES, string>;

/** Generates dns4tor(1) from the commands and the options table. */
export function renderProgramPage(program: ProgramModel, dateText: string): string {
  const { commands } = program;
  return [
    ...renderHead({ name: program.name, section: 1, doc: program.description, dateText }),
    '.Sh SYNOPSIS',
    ...commands.map(renderUsage),
    '.Sh DESCRIPTION',
    mdocText(program.description),
    mdocText(ABOUT),
    '.Pp',
    mdocText(SERVICE),
    '.Sh COMMANDS',
    ...commands.flatMap((command, index) => renderCommand(command, commands.slice(0, index))),
    '.Sh ENVIRONMENT',
    mdocText('A flag takes precedence over the environment, and the environment over the configuration file.'),
    mdocText(
      'Variables of Node, such as NODE_OPTIONS and NODE_EXTRA_CA_CERTS, are ignored if they could weaken a guarantee of dns4tor.',
    ),
    '.Bl -tag -width indent',
    ...OPTION_KEYS.flatMap(renderEnvironment),
    '.El',
    '.Sh FILES',
    '.Bl -tag -width indent',
    ...FILES.flatMap(([path, doc]) => [`.It Pa ${path}`, mdocText(doc)]),
    '.El',
    '.Sh EXIT STATUS',
    '.Bl -tag -width indent',
    ...Object.entries(EXIT_CODES).flatMap(([name, code]) => [
      `.It ${code}`,
      mdocText(EXIT_DOCS[name as keyof typeof EXIT_CODES]),
    ]),
    '.El',
    '.Sh SEE ALSO',
    '.Xr tor 1 ,',
    '.Xr dns4tor.toml 5 ,',
    '.Xr resolv.conf 5 ,',
    '.Xr systemd.socket 5',
    '',
  ].join('\n');
}

function renderEnvironment(key: OptionKey): string[] {
  const names = envNamesOf(key);
  if (names.length === 0) return [];
  return [
    `.It ${names.map((name) => `Ev ${name}`).join(' , ')}`,
    `The same as`,
    `.Fl ${mdocWord(flagOf(key).slice(1))} .`,
  ];
}
