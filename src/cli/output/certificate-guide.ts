import { join } from 'node:path';
import { FILE } from '../../certificate/certificate-directory.ts';
import type { ClientAddresses } from '../../certificate/clients/client-addresses.ts';
import { CLIENT_FILE } from '../../certificate/clients/client-files.ts';
import type { CertificatePlan } from '../../certificate/plan-certificate.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { ENCRYPTED_PORT } from '../../model/usual-ports.ts';

/** What `certificate` has made. */
export interface Made extends CertificatePlan {
  /** Absolute. */
  readonly directory: string;
  readonly addresses: ClientAddresses;
  /** Names of the files in the directory, in the order in which they were written. */
  readonly files: readonly string[];
  /** The networks of the machine that the certificate's addresses are in. */
  readonly networks: readonly string[];
  /** Private addresses of the machine that the certificate is not for. */
  readonly unnamed: readonly string[];
}

/** Stands for the reader's network. */
const EXAMPLE_NETWORK = '192.168.1.0/24';

/** Renders what was made. A dry run discards its authority, so its fingerprint is not shown. */
export function renderMade(made: Made, isDryRun: boolean): string {
  const { directory, names, isNewAuthority, isRenewal, files, unnamed } = made;
  const [makes, renews] = isDryRun ? ['Would make', 'Would renew'] : ['Made', 'Renewed'];
  const what = isRenewal ? `${renews} the certificate` : `${makes} a certificate`;
  const { validToDate, fingerprint256 } = made.authority.certificate;
  const authority = isNewAuthority
    ? [
        `${makes} a new certificate authority, valid until ${dayOf(validToDate)}.`,
        'It can issue certificates for these names and those below them only.',
      ]
    : ['The certificate authority is the same as before: devices that trust it need no change.'];
  return [
    `${what} in ${directory}, valid until ${dayOf(made.certificate.validToDate)}, for:`,
    ...names.map((name) => `  ${name}`),
    ...authority,
    ...(isNewAuthority && isDryRun ? [] : [`Its fingerprint (SHA-256), to compare on each device: ${fingerprint256}`]),
    `Files: ${files.join(', ')}`,
    ...(unnamed.length === 0
      ? []
      : [
          `The certificate is not for ${unnamed.join(', ')}, which this machine has too. To include it, give all names`,
          'and --new-ca.',
        ]),
    '',
  ].join('\n');
}

/** Renders what to do with the files. After a renewal, devices need nothing. */
export function renderGuide(made: Made, isDryRun: boolean): string {
  const { directory, addresses, isNewAuthority, isRenewal } = made;
  if (isRenewal && !isNewAuthority && !isDryRun) return 'A running dns4tor uses the new certificate within seconds.\n';
  const at = (name: string): string => quoted(join(directory, name));
  const sections = [
    ['dns4tor: in dns4tor.toml, or with the drop-ins of the systemd units (docs/systemd.md)', ...configLines(made)],
    [
      'Firefox: for all users of a machine, and without a fallback',
      `  sudo install -D -m 644 ${at(CLIENT_FILE.firefox)} /etc/firefox/policies/policies.json`,
      `  It reads ${at(FILE.authority)}; on another machine, copy that file to the same path.`,
    ],
    [
      'Chromium: for all users of a machine, and without a fallback',
      `  sudo install -D -m 644 ${at(CLIENT_FILE.chromium)} /etc/chromium/policies/managed/dns4tor.json`,
      '  For Google Chrome, the directory is /etc/opt/chrome/policies/managed.',
    ],
    ...(addresses.isOwnMachine ? [] : deviceSections(made)),
  ];
  const notes = addresses.isOwnMachine
    ? 'Clients use a name of this machine itself. For other devices, give a name or address that they reach.\n'
    : '';
  const blocks = sections.map((lines) => `${lines.join('\n')}\n`).join('\n');
  return `\n${blocks}\n${notes}More: docs/browsers-and-phones.md\n`;
}

function configLines({ directory, addresses, names, networks }: Made): readonly string[] {
  const loopback = names.filter((name) => name === '127.0.0.1' || name === '::1');
  // Host names alone do not tell which of its addresses clients will use.
  const reached = addresses.addresses.length > 0 ? [...loopback.slice(0, 1), ...addresses.addresses] : ['0.0.0.0'];
  const served = toList(addresses.isOwnMachine ? ['localhost'] : reached);
  return [
    `  tls-cert = ${JSON.stringify(join(directory, FILE.certificate))}`,
    `  tls-key = ${JSON.stringify(join(directory, FILE.key))}`,
    `  doh-address = ${served}`,
    `  dot-address = ${served}`,
    ...(addresses.isOwnMachine ? [] : [`  allow = ${toList(networks.length > 0 ? networks : [EXAMPLE_NETWORK])}`]),
  ];
}

function toList(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(', ')}]`;
}

function deviceSections({ directory, addresses, files }: Made): readonly (readonly string[])[] {
  const { dotName, dotPort } = addresses;
  const profiles = [CLIENT_FILE.appleHttps, CLIENT_FILE.appleTls].filter((name) => files.includes(name));
  const [address = 'ADDRESS'] = addresses.addresses;
  const hostPort = dotPort === ENCRYPTED_PORT.dot ? address : formatHostPort(address, dotPort);
  const server = dotName === undefined ? hostPort : `${hostPort}#${dotName}`;
  return [
    [
      'iPhone, iPad and Mac',
      `  Send one of ${profiles.join(' and ')} to the device, and open it there.`,
      '  Install it: Settings > General > VPN & Device Management.',
      '  On iPhone and iPad, also trust it: Settings > General > About > Certificate Trust Settings.',
    ],
    [
      'Android',
      '  Private DNS accepts only certificates of public authorities, never of one that the user has installed.',
      '  So you need a domain: see docs/browsers-and-phones.md.',
    ],
    [
      'systemd-resolved',
      `  sudo install -m 644 ${quoted(join(directory, FILE.authority))} /usr/local/share/ca-certificates/dns4tor.crt`,
      '  sudo update-ca-certificates',
      `  In /etc/systemd/resolved.conf: DNS=${server} and DNSOverTLS=yes`,
    ],
  ];
}

/** Renders what was made as one JSON object. Its keys are stable. */
export function renderMadeJson(made: Made, isDryRun: boolean): string {
  const { directory, authority, certificate, addresses, names } = made;
  const at = (name: string): string => join(directory, name);
  const value = {
    directory,
    authority: {
      certificate: at(FILE.authority),
      isNew: made.isNewAuthority,
      until: authority.certificate.validToDate.toISOString(),
      ...(made.isNewAuthority && isDryRun ? {} : { sha256: authority.certificate.fingerprint256 }),
    },
    server: {
      certificate: at(FILE.certificate),
      key: at(FILE.key),
      isRenewal: made.isRenewal,
      until: certificate.validToDate.toISOString(),
      names,
    },
    doh: addresses.url,
    dot: { host: addresses.dotName ?? addresses.host, port: addresses.dotPort },
    files: made.files.map(at),
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** A path as a word of a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** The date in UTC. */
function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
