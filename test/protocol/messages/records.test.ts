import assert from 'node:assert/strict';
import { after } from 'node:test';
import { startAuthoritativeServer } from '../../fixtures/dns/authoritative-server.ts';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { type DigReply, dig } from '../../fixtures/dns/dig.ts';
import { forwardTo } from '../../fixtures/dns/doh-behaviours.ts';
import { kdig } from '../../fixtures/dns/kdig.ts';
import { type Transport, testOverBoth } from '../raw-client.ts';

/*
 * Records of a real authoritative server, as real clients see them, directly and through dns4tor.
 */

const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const authority = resources.use(await startAuthoritativeServer());
const { daemon, upstream } = resources.use(await startBehindDouble(forwardTo(authority)));
await daemon.answers();

interface Pair {
  readonly ours: DigReply;
  readonly source: DigReply;
}

/** Queries dns4tor over UDP or TCP, and the authority over TCP, which never truncates. */
async function askBoth(client: typeof dig, transport: Transport, ...args: readonly string[]): Promise<Pair> {
  const flag = transport === 'udp' ? '+notcp' : '+tcp';
  const [ours, source] = await Promise.all([
    client('@127.0.0.1', '-p', String(daemon.port), ...args, flag),
    client(`@${authority.host}`, '-p', String(authority.port), ...args, '+norecurse', '+tcp'),
  ]);
  return { ours, source };
}

function contents({ answer }: DigReply): string[] {
  return answer.map(({ name, type, data }) => `${name} ${type} ${data}`).toSorted();
}

testOverBoth('RFC 3597 §3: a record of an unknown type passes unchanged, with dig and kdig', async (transport) => {
  for (const client of [dig, kdig]) {
    const { ours, source } = await askBoth(client, transport, 'unknown.dns4tor-lab.net', 'TYPE65400');
    assert.match(ours.answer[0]?.data ?? '', /^\\# 7 00DEADBEEFFFC0$/);
    assert.deepEqual(contents(ours), contents(source));
  }
});

testOverBoth(
  'RFC 5625 §4.3: an unknown type without data is NODATA with the zone’s SOA, not an error',
  async (transport) => {
    const { ours, source } = await askBoth(dig, transport, 'a.dns4tor-lab.net', 'TYPE65401');
    assert.equal(ours.status, 'NOERROR');
    assert.deepEqual([ours.answer.length, source.answer.length], [0, 0]);
    assert.equal(ours.authority[0]?.type, 'SOA');
  },
);

testOverBoth('RFC 9460 §2.2: SVCB and HTTPS records pass unchanged, first and from the cache', async (transport) => {
  for (const [name, type] of [
    ['https.dns4tor-lab.net', 'TYPE65'],
    ['_dns.dns4tor-lab.net', 'TYPE64'],
  ] as const) {
    for (const from of ['upstream', 'cache']) {
      const { ours, source } = await askBoth(dig, transport, name, type, '+unknownformat');
      const rdata = rdataOf(ours);
      assert.equal(rdata.length, 1, from);
      assert.deepEqual(rdata, rdataOf(source));
    }
  }
});

/** RDATA in hexadecimal (RFC 3597 §5), as +unknownformat prints it. */
function rdataOf({ text }: DigReply): string[] {
  return [...text.matchAll(/\sCLASS1\s+TYPE(?:64|65)\s+(\\# \d+ .*)$/gm)].map(([, rdata = '']) => rdata);
}

testOverBoth('RFC 2181 §11: labels of any octets, including dots and zeros, pass unchanged', async (transport) => {
  for (const label of ['dot\\.ted', 'caf\\195\\169', 'raw\\000\\255']) {
    const { ours, source } = await askBoth(dig, transport, `${label}.dns4tor-lab.net`, 'A');
    assert.equal(ours.answer.length, 1, label);
    assert.deepEqual(contents(ours), contents(source));
  }
});

testOverBoth(
  'RFC 4035 §3.2.1: with +dnssec, the authority’s signatures of answers and denials arrive',
  async (transport) => {
    for (const args of [
      ['a.signed.dns4tor-lab.net', 'A'],
      ['nowhere.signed.dns4tor-lab.net', 'A'],
    ]) {
      const { ours, source } = await askBoth(dig, transport, ...args, '+dnssec', '+bufsize=1232');
      const signatures = [...ours.answer, ...ours.authority].filter(({ type }) => type === 'RRSIG');
      assert.ok(signatures.length > 0);
      assert.deepEqual(contents(ours), contents(source));
      const authorityOf = (reply: DigReply): string[] => reply.authority.map(({ name, type }) => `${name} ${type}`);
      assert.deepEqual(authorityOf(ours).toSorted(), authorityOf(source).toSorted());
      const plain = await askBoth(dig, transport, ...args);
      assert.ok([...plain.ours.answer, ...plain.ours.authority].every(({ type }) => type !== 'RRSIG'));
    }
  },
);

testOverBoth(
  'RFC 4343 §4.1: the question keeps the case of dig’s query, and the answer still comes from the cache',
  async (transport) => {
    const spellings = [`${transport}.wild.dns4tor-lab.net`, `${transport}.WILD.dns4TOR-lab.NET`];
    const count = (): number => upstream.requests.length;
    const before = count();
    for (const spelling of spellings) {
      const { ours } = await askBoth(dig, transport, spelling, 'A');
      assert.equal(ours.answer[0]?.data, '192.0.2.9');
      assert.match(ours.text, new RegExp(`^;${spelling.replaceAll('.', '\\.')}\\.\\s+IN\\s+A$`, 'm'));
    }
    assert.equal(count() - before, 1);
  },
);

testOverBoth(
  'RFC 1035 §4.2.1: for a TXT record of 4 kB, UDP returns TC=1 with OPT, and TCP the whole record',
  async (transport) => {
    const args = ['long-txt.dns4tor-lab.net', 'TXT', '+ignore', '+bufsize=512'];
    const { ours, source } = await askBoth(dig, transport, ...args);
    assert.ok(ours.edns);
    if (transport === 'udp') {
      assert.ok(ours.flags.includes('tc'));
      assert.deepEqual(ours.answer, []);
    } else {
      assert.ok(!ours.flags.includes('tc'));
      assert.deepEqual(contents(ours), contents(source));
    }
  },
);

testOverBoth('RFC 7828 §3.2: dig +keepalive gets the timeout over TCP, and nothing over UDP', async (transport) => {
  const flag = transport === 'udp' ? '+notcp' : '+tcp';
  const { text } = await dig('@127.0.0.1', '-p', String(daemon.port), 'a.dns4tor-lab.net', '+keepalive', flag);
  assert.equal(/TCP[- ]KEEPALIVE: 10\.0/i.test(text), transport === 'tcp', text);
  assert.equal(/KEEPALIVE:/i.test(text), transport === 'tcp', text);
});
