import type { Config } from '../config/config.ts';
import { checkBrowser } from './checks/browser-check.ts';
import { checkClock } from './checks/clock-check.ts';
import { checkDocker } from './checks/docker-check.ts';
import { checkEncrypted, checkServerCertificate } from './checks/encrypted-check.ts';
import { checkInstallation } from './checks/installation-check.ts';
import { checkListening, checkResolution } from './checks/listening-check.ts';
import { checkNsswitch } from './checks/nsswitch-check.ts';
import { checkPort } from './checks/port-check.ts';
import { checkResolvConf } from './checks/resolv-conf-check.ts';
import { checkResolved } from './checks/resolved-check.ts';
import { checkRouterAdvertisements } from './checks/router-advertisements-check.ts';
import { checkBootstrap, checkOnionKey, checkTor } from './checks/tor-check.ts';
import { checkAnswer, checkCertificate, checkReach } from './checks/upstream-check.ts';
import type { Check } from './run-checks.ts';

/**
 * Lists all checks in display order: the path from dns4tor to the resolver, then the path from programs to dns4tor,
 * then possible bypasses.
 */
export function checksFor({ upstreams, tor, encrypted }: Config): readonly Check[] {
  return [
    { id: 'tor', run: checkTor },
    { id: 'bootstrap', run: checkBootstrap },
    ...tor.onionAuths.map(
      ({ address }): Check => ({
        id: 'onion-key',
        ...(tor.onionAuths.length > 1 ? { subject: `${address}.onion` } : {}),
        run: (facts) => checkOnionKey(facts, address),
      }),
    ),
    ...upstreams.flatMap((upstream): Check[] => {
      const subject = upstreams.length > 1 ? { subject: upstream.url } : {};
      return [
        { id: 'reach', ...subject, run: (facts) => checkReach(facts, upstream) },
        { id: 'certificate', ...subject, run: (facts) => checkCertificate(facts, upstream) },
        { id: 'answer', ...subject, run: (facts) => checkAnswer(facts, upstream) },
      ];
    }),
    { id: 'clock', run: checkClock },
    { id: 'listening', run: checkListening },
    { id: 'resolution', run: checkResolution },
    { id: 'port', run: checkPort },
    ...(encrypted.tls === undefined ? [] : [{ id: 'tls-cert', run: checkServerCertificate }]),
    ...(encrypted.dotAddresses.length === 0 ? [] : [ofProtocol('dot')]),
    ...(encrypted.dohAddresses.length === 0 ? [] : [ofProtocol('doh')]),
    { id: 'installation', run: checkInstallation },
    { id: 'nsswitch', run: checkNsswitch },
    { id: 'resolv-conf', run: checkResolvConf },
    { id: 'resolved', run: checkResolved },
    { id: 'docker', run: checkDocker },
    { id: 'ipv6-router', run: checkRouterAdvertisements },
    { id: 'browser', run: checkBrowser },
  ];
}

function ofProtocol(protocol: 'dot' | 'doh'): Check {
  return { id: protocol, run: (facts) => checkEncrypted(facts, protocol) };
}
