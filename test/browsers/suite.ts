import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { NAMESERVER } from '../leaks/namespace.ts';
import { RCODE, RESPONSE_FLAGS, responseTo } from '../protocol/upstream-messages.ts';
import type { Browser, Visit } from './browser.ts';
import { type BrowserLab, startBrowserLab } from './lab/lab.ts';
import { ADDRESSES, ALLOWED_PORT, COVER, DOH_ADDRESS, FORGED, HIDDEN, ZONE } from './lab/places.ts';
import { questionIn } from './lab/question.ts';
import { installPolicies, type Policies } from './policies.ts';

/** A browser to test. */
export interface Subject {
  readonly name: string;
  readonly start: (lab: BrowserLab) => Promise<Browser>;
  readonly policies: (lab: BrowserLab) => Promise<Policies>;
}

const COUNTED_MS = 5_000;
const PRINTER = 'printer.lan';

/** Tests that a browser, set to dns4tor by its policies, resolves names by DNS over HTTPS and in no other way. */
export function testBrowser({ name, start, policies }: Subject): void {
  let lab: BrowserLab;
  const managed = new AsyncDisposableStack();
  let browser: Browser;
  before(async () => {
    lab = await startBrowserLab('--name', `${PRINTER}=${ADDRESSES.printer}`);
    managed.use(await installPolicies(lab.namespace, await policies(lab)));
    browser = managed.use(await start(lab));
  });
  after(async () => {
    await managed.disposeAsync();
    await lab[Symbol.asyncDispose]();
  });

  /** Requests for a site, by scheme. */
  const requestsTo = (host: string): readonly string[] =>
    lab.web.filter((event) => event.host === host).map(({ request }) => request ?? '');

  test(`${name}: a page loads although the system resolver is dead, because its address came over DoH`, async () => {
    const host = `plain.${ZONE}`;
    const visit = await browser.open(`https://${host}/`);
    assert.deepEqual(visit, { url: `https://${host}/`, text: 'https, HTTP/2.0, TLSv1.3' });
    await waitUntil('upstream has all queries', COUNTED_MS, () => lab.askedUpstream(host).length === 3);
    assert.deepEqual(lab.askedUpstream(host), ['A', 'AAAA', 'HTTPS']);
    for (const type of ['A', 'AAAA', 'HTTPS']) {
      assert.ok((await lab.queries({ proto: 'doh', type })) > 0, `dns4tor counts queries for ${type} over DoH`);
    }
    for (const proto of ['udp', 'tcp', 'dot']) assert.equal(await lab.queries({ proto }), 0, proto);
  });

  test(`${name}, RFC 9460 §9.5: a name with an HTTPS record is visited by HTTPS only, a name without by HTTP`, async () => {
    const [ordinary, upgraded] = [`ordinary.${ZONE}`, `upgraded.${ZONE}`];
    assert.deepEqual(await browser.open(`http://${ordinary}/`), { url: `http://${ordinary}/`, text: 'http' });
    const visit = await browser.open(`http://${upgraded}/`);
    assert.deepEqual(visit, { url: `https://${upgraded}/`, text: 'https, HTTP/2.0, TLSv1.3' });
    assert.deepEqual(requestsTo(ordinary), ['http']);
    assert.deepEqual(requestsTo(upgraded), ['https']);
  });

  test(`${name}, RFC 9849: with the keys from the HTTPS record, the name of a site does not cross the network`, async () => {
    const visit = await browser.open(`https://${HIDDEN}/`);
    // The server's certificate is for this name only, so it has decrypted the Client Hello.
    assert.match(textOf(visit), new RegExp(`^GET / HTTP/1\\.1\\s+Host: ${HIDDEN}$`, 'm'));
    const names = new Set(lab.web.flatMap(({ clear }) => (clear === undefined ? [] : [clear])));
    assert.deepEqual([...names], [COVER]);
  });

  test(`${name}, RFC 5280 §4.2.1.10: dns4tor's certificate authority is trusted for its address, not for others`, async () => {
    const own = `https://${DOH_ADDRESS}:${ALLOWED_PORT}/`;
    assert.deepEqual(await browser.open(own), { url: own, text: 'https, HTTP/2.0, TLSv1.3' });
    const visit = await browser.open(`https://${FORGED}/`);
    assert.match('error' in visit ? visit.error : 'it has loaded', /ERR_CERT_|insecure certificate/);
    assert.deepEqual(requestsTo(FORGED), []);
  });

  test(`${name}: a local name of dns4tor is found, at a private address`, async () => {
    assert.deepEqual(await browser.open(`http://${PRINTER}/`), { url: `http://${PRINTER}/`, text: 'http' });
  });

  test(`${name}: the canary domain does not exist, and the browser goes on asking dns4tor`, async () => {
    assertFailed(await browser.open('https://use-application-dns.net/'));
    const host = `after.${ZONE}`;
    assert.equal(textOf(await browser.open(`http://${host}/`)), 'http');
    assert.ok(lab.askedUpstream(host).includes('A'));
  });

  test(`${name}: a name that dns4tor cannot resolve fails, and the browser asks nobody else`, async () => {
    const host = `broken.${ZONE}`;
    const { behaviour } = lab.upstream;
    lab.upstream.behaviour = (request) =>
      questionIn(request.query).name === host
        ? { body: responseTo(request.query, { flags: RESPONSE_FLAGS | RCODE.servfail }) }
        : behaviour(request);
    assertFailed(await browser.open(`http://${host}/`));
    assert.ok(lab.askedUpstream(host).includes('A'));
    assert.deepEqual(requestsTo(host), []);
    assert.deepEqual(await lab.departures(), []);
  });

  test(`${name}: while dns4tor is stopped, pages fail, and the browser asks nobody else`, async () => {
    await lab.daemon.process.stop();
    const host = `stopped.${ZONE}`;
    assertFailed(await browser.open(`http://${host}/`));
    assert.deepEqual(requestsTo(host), []);
    assert.deepEqual(await lab.departures(), []);
  });

  test(`${name}: a server in place of dns4tor, with the certificate of another authority, is not asked`, async () => {
    await using authority = await createCertificateAuthority();
    await lab.restart(await authority.issue([DOH_ADDRESS]));
    const host = `impostor.${ZONE}`;
    assertFailed(await browser.open(`http://${host}/`));
    assert.equal(await lab.queries({ proto: 'doh' }), 0);
    assert.deepEqual(await lab.departures(), []);
  });

  test(`${name}: once dns4tor serves again, pages load, and no packet has ever left the machine`, async () => {
    await lab.restart();
    const host = `again.${ZONE}`;
    assert.equal(textOf(await browser.open(`http://${host}/`)), 'http');
    assert.deepEqual(await lab.departures(), []);
    assert.equal(await lab.namespace.leakedPackets(), 0);
  });

  test(`${name}: without the policies, the same browser asks the system's resolver, which the lab notices`, async () => {
    await managed.disposeAsync();
    await using unmanaged = await start(lab);
    assertFailed(await unmanaged.open(`http://stopped.${ZONE}/`));
    assert.ok((await lab.departures()).includes(`udp ${NAMESERVER}:53`));
    assert.ok((await lab.namespace.leakedPackets()) > 0);
  });
}

function textOf(visit: Visit): string {
  assert.ok('text' in visit, 'error' in visit ? visit.error : '');
  return visit.text;
}

function assertFailed(visit: Visit): void {
  assert.ok('error' in visit, 'the page has loaded');
}
