import type { Config } from '../../config/config.ts';
import { toDns4torError } from '../../failures/errors.ts';
import { formatTorAddress } from '../../model/tor-address.ts';
import { BOOTSTRAPPED_PERCENT } from '../../model/tor-status.ts';
import type { BootstrapFinding } from '../bootstrap-finding.ts';
import { fail, failStuck, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';

const NO_TOR = 'no Tor runs';
const ARTI_LACKS = 'without a control port, its state is unknown and it takes neither onion keys nor NEWNYM';
const NO_CONTROL = 'unknown: Tor has no control port that is usable here';

/** Checks that dns4tor finds a Tor, or could start one. Names the transports of bridges, never the bridges. */
export async function checkTor({ tor, running, config }: Pick<Facts, 'tor' | 'running' | 'config'>): Promise<Verdict> {
  const found = await tor();
  const bridges = describeBridges(config.tor);
  switch (found.kind) {
    case 'running': {
      const where = formatTorAddress(found.socks);
      if (found.program === 'arti' && found.standing === 'tor') return ok(`arti answers at ${where}; ${ARTI_LACKS}`);
      if (found.standing === 'tor') return ok(`Tor answers at ${where}${bridges}`);
      return warn(
        `the program at ${where} speaks Tor’s protocol, but dns4tor cannot tell whether it is Tor`,
        'Connect to Tor over a unix socket (--tor-socks unix:/path). Until then, dns4tor accepts only certificates for the upstream’s own name.',
      );
    }
    case 'startable': {
      const status = await running();
      if (status?.tor.kind === 'managed' && status.tor.state !== 'down') {
        return ok(`the running dns4tor has started a Tor, which only its user can use${bridges}`);
      }
      return warn(
        `${NO_TOR}; dns4tor would start one (${found.version})${bridges}`,
        'Start dns4tor, then check again.',
      );
    }
    case 'missing':
      return failWith(found.error, 'Start tor, or name its port with --tor-socks.');
  }
}

function describeBridges({ bridges, transports }: Config['tor']): string {
  if (bridges.length === 0) return '';
  const names = [...new Set(bridges.map(({ transport }) => transport))].map((name) => {
    const program = transports.find(({ transport }) => transport === name);
    return program === undefined ? name : `${name}, carried by ${program.path}`;
  });
  return `, with bridges (${names.join('; ')})`;
}

/** Checks that Tor has bootstrapped, or why it makes no progress. */
export async function checkBootstrap({
  tor,
  bootstrap,
  config,
}: Pick<Facts, 'tor' | 'bootstrap' | 'config'>): Promise<Verdict> {
  const found = await tor();
  if (found.kind === 'running' && found.program === 'arti') return skip('unknown: arti has no control port');
  try {
    const finding = await bootstrap();
    return finding === undefined ? skip(NO_TOR) : judgeBootstrap(finding);
  } catch (thrown) {
    const { problem } = toDns4torError(thrown);
    const isNamed = config.tor.control.kind === 'tcp' || config.tor.control.kind === 'unix';
    // With `auto`, a control port is optional.
    if (!isNamed) return skip(NO_CONTROL);
    return warn(
      `Tor’s control port is unusable: ${problem}`,
      'Check that --tor-control names Tor’s control port, and that you may read its cookie file.',
    );
  }
}

function judgeBootstrap({ state, percent, summary, trouble }: BootstrapFinding): Verdict {
  if (trouble !== undefined) return failStuck(trouble);
  if (state === 'up') return ok('Tor is connected to its network');
  if (state === 'down') return fail('Tor ended during the check', 'See Tor’s own log.');
  if (percent < BOOTSTRAPPED_PERCENT) {
    return warn(
      `Tor is still connecting to its network: it is at ${percent} % (${summary ?? ''}) and makes progress`,
      'Wait, then check again. On a slow network or over bridges, this may take some minutes.',
    );
  }
  return warn('Tor has no circuit', 'Check that this machine is online. Tor’s own log says more.');
}

const ARTI_KEY_ADVICE = 'Put the key into arti’s own keystore, or use tor.';
const KEY_ADVICE = 'Start dns4tor: it gives Tor the key from --onion-auth-file.';

/** Checks that Tor holds the configured key for an onion service with client authorisation. */
export async function checkOnionKey(
  { tor, torAnswers }: Pick<Facts, 'tor' | 'torAnswers'>,
  address: string,
): Promise<Verdict> {
  const found = await tor();
  if (found.kind !== 'running') return skip(NO_TOR);
  if (found.program === 'arti') return warn(`arti takes no key for ${address}.onion from dns4tor`, ARTI_KEY_ADVICE);
  const answers = await torAnswers().catch(() => undefined);
  switch (answers?.onionKeys.get(address)) {
    case 'present':
      return ok(`Tor has the key for ${address}.onion`);
    case 'another':
      return warn(`Tor has another key for ${address}.onion`, KEY_ADVICE);
    case 'absent':
      return warn(`Tor has no key for ${address}.onion`, KEY_ADVICE);
    case undefined:
      return skip(NO_CONTROL);
  }
}
