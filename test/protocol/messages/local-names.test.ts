import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { connectRaw, type Transport, testOverBoth } from '../raw-client.ts';
import { type Reply, readReply } from '../reply.ts';

/*
 * Names that dns4tor answers locally, each with the types that programs query. The last test checks what upstream has
 * seen.
 */

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());
const requestsAtStart = lab.upstream.requests.length;

/** By number if dns-packet has no name: 64 is SVCB, 65 is HTTPS. */
const TYPES = [
  'A',
  'AAAA',
  'TXT',
  'MX',
  'NS',
  'SOA',
  'PTR',
  'SRV',
  'CNAME',
  'DS',
  'DNSKEY',
  'UNKNOWN_64',
  'UNKNOWN_65',
  'ANY',
];

/** Types that a validator queries to see the delegation of a top-level domain. */
const DELEGATION_TYPES = ['NS', 'SOA', 'DS', 'DNSKEY'];

interface Case {
  readonly behaviour: string;
  /** Types that another test covers. @default none */
  readonly except?: readonly string[];
  readonly rcode: 'NXDOMAIN' | 'NOERROR';
  readonly names: readonly string[];
}

const IP6_ZEROS = '0.'.repeat(31);

const CASES: readonly Case[] = [
  {
    behaviour: 'RFC 7686 §2: .onion is NXDOMAIN',
    rcode: 'NXDOMAIN',
    names: ['onion', 'dns4torpnlfs2ifuz2s2yf3fc7rdmsbhm6rw75euj35pac6ap25zgqad.onion', 'www.Some.ONION'],
  },
  { behaviour: 'RFC 6761 §6.2: test is NXDOMAIN', rcode: 'NXDOMAIN', names: ['test', 'a.TEST'] },
  { behaviour: 'RFC 6761 §6.4: invalid is NXDOMAIN', rcode: 'NXDOMAIN', names: ['invalid', 'a.b.invalid'] },
  {
    behaviour: 'RFC 6762 §22.1: local is NXDOMAIN',
    rcode: 'NXDOMAIN',
    names: ['local', 'printer.local', '_ipp._tcp.local'],
  },
  {
    behaviour: 'names below undelegated top-level domains, as local networks use them, are NXDOMAIN',
    rcode: 'NXDOMAIN',
    names: [
      'db.corp.internal',
      'nas.lan',
      'fritz.HOME',
      'a.corp',
      'a.mail',
      'a.localdomain',
      'a.intranet',
      'a.private',
      'a.workgroup',
      'a.domain',
      'gns.alt',
    ],
  },
  {
    behaviour: 'names without a dot, top-level domains included, are NXDOMAIN',
    except: DELEGATION_TYPES,
    rcode: 'NXDOMAIN',
    names: ['printer', 'WPAD', 'com', 'lan', 'internal', 'alt', 'notonion'],
  },
  {
    behaviour: 'use-application-dns.net, the canary of browsers, is NXDOMAIN',
    except: ['DS'],
    rcode: 'NXDOMAIN',
    names: ['use-application-dns.net', 'USE-application-DNS.net'],
  },
  {
    behaviour: 'RFC 9462 §6.1, RFC 9606: resolver.arpa has no data',
    except: ['DS'],
    rcode: 'NOERROR',
    names: ['resolver.arpa', '_dns.resolver.arpa'],
  },
  {
    behaviour: 'RFC 6303 §4: names in private reverse zones are NXDOMAIN',
    rcode: 'NXDOMAIN',
    names: [
      '1.1.168.192.in-addr.arpa',
      '4.3.2.10.in-addr.arpa',
      ...['16', '24', '31'].map((octet) => `1.0.${octet}.172.in-addr.arpa`),
      '1.0.0.0.in-addr.arpa',
      '2.0.0.127.in-addr.arpa',
      '9.8.254.169.in-addr.arpa',
      '1.2.0.192.in-addr.arpa',
      '1.100.51.198.in-addr.arpa',
      '1.113.0.203.in-addr.arpa',
      `1.${'0.'.repeat(29)}d.f.ip6.arpa`,
      ...['8', '9', 'a', 'b'].map((nibble) => `1.${'0.'.repeat(28)}${nibble}.e.f.ip6.arpa`),
      `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`,
    ],
  },
  {
    behaviour: 'RFC 6303 §3: the apex of a private reverse zone is there and has no data',
    except: ['DS'],
    rcode: 'NOERROR',
    names: [
      '168.192.in-addr.arpa',
      '10.in-addr.arpa',
      'd.f.ip6.arpa',
      '255.255.255.255.in-addr.arpa',
      `0.${IP6_ZEROS}ip6.arpa`,
    ],
  },
  {
    behaviour: 'RFC 7793 §2: names in the reverse zones of shared address space are NXDOMAIN',
    rcode: 'NXDOMAIN',
    names: ['64', '100', '127'].map((octet) => `1.0.${octet}.100.in-addr.arpa`),
  },
  {
    behaviour: 'RFC 8375 §4: names in home.arpa are NXDOMAIN',
    rcode: 'NXDOMAIN',
    names: ['nas.home.arpa', 'a.b.HOME.arpa'],
  },
];

/** Queries all names with all types on one socket. Returns the replies in the order of the queries. */
async function askAll(transport: Transport, names: readonly string[], types: readonly string[]): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const name of names) {
    await using client = await connectRaw(transport, lab.daemon);
    client.send(...types.map((type, id) => buildQuery({ id, name, type, edns: {} })));
    const received = await client.received(types.length);
    replies.push(...received.map(readReply).toSorted((a, b) => a.id - b.id));
  }
  return replies;
}

for (const { behaviour, except = [], rcode, names } of CASES) {
  const types = TYPES.filter((type) => !except.includes(type));
  testOverBoth(`${behaviour}, for ${types.length} types and with a SOA, and counted`, async (transport) => {
    const labels = { plugin: 'policy', rcode };
    const before = await lab.counter('coredns_dns_responses_total', labels);
    const replies = await askAll(transport, names, types);
    for (const reply of replies) {
      assert.equal(reply.rcode, rcode);
      assert.equal(reply.answers.filter(({ type }) => type !== 'SOA').length, 0);
      // RFC 2308 §3: without a SOA, the answer is not cacheable.
      assert.equal([...reply.answers, ...reply.authorities].filter(({ type }) => type === 'SOA').length, 1);
    }
    assert.equal(await lab.counter('coredns_dns_responses_total', labels), before + replies.length);
  });
}

testOverBoth(
  'RFC 6761 §6.3: localhost and names below it resolve to loopback, and have only addresses',
  async (transport) => {
    for (const name of ['localhost', 'app.localhost', 'LocalHost']) {
      for (const reply of await askAll(transport, [name], TYPES)) {
        assert.equal(reply.rcode, 'NOERROR');
        const data = reply.answers.map((record) => record.data);
        assert.deepEqual(data, { 0: ['127.0.0.1'], 1: ['::1'] }[reply.id] ?? []);
        assert.equal(reply.authorities.length, data.length === 0 ? 1 : 0);
      }
    }
  },
);

testOverBoth('RFC 6303 §4.2, §4.3: the loopback addresses resolve to localhost', async (transport) => {
  for (const name of ['1.0.0.127.in-addr.arpa', `1.${IP6_ZEROS}ip6.arpa`]) {
    const [reply] = await askAll(transport, [name], ['PTR']);
    assert.deepEqual(
      reply?.answers.map(({ data }) => data),
      ['localhost'],
    );
  }
});

testOverBoth('RFC 8020 §2: a name above an existing one is NODATA, not NXDOMAIN', async (transport) => {
  for (const reply of await askAll(
    transport,
    ['0.0.127.in-addr.arpa', '0.127.in-addr.arpa', '127.in-addr.arpa'],
    ['PTR'],
  )) {
    assert.equal(reply.rcode, 'NOERROR');
    assert.deepEqual(reply.answers, []);
  }
});

test('RFC 9076 §6: upstream has seen none of these names, whatever the type', () => {
  assert.equal(lab.upstream.requests.length, requestsAtStart);
});

/* Similar names that are sent upstream. */

/** Queries with and without DO. The cache keys on DO, so each transport causes an upstream query. */
async function assertForwarded(transport: Transport, name: string, type: string): Promise<void> {
  const before = lab.asked(name);
  const reply = await lab.ask(transport, { name, type, edns: { dnssecOk: transport === 'tcp' } });
  assert.equal(reply.rcode, 'NOERROR', `${name} ${type}`);
  assert.equal(lab.asked(name), before + 1, `${name} ${type}`);
}

testOverBoth(
  'RFC 6303 §7, RFC 8375 §4: DS of a locally answered zone is forwarded if its parent is public',
  async (transport) => {
    for (const name of [
      'home.arpa',
      '10.in-addr.arpa',
      '16.172.in-addr.arpa',
      '168.192.in-addr.arpa',
      '254.169.in-addr.arpa',
      '64.100.in-addr.arpa',
      'd.f.ip6.arpa',
      'resolver.arpa',
      'use-application-dns.net',
    ]) {
      await assertForwarded(transport, name, 'DS');
    }
    assert.equal((await lab.ask(transport, { name: 'home.arpa', type: 'A' })).answers.length, 0);
  },
);

testOverBoth(
  'queries about the root and about the delegation of a top-level domain are forwarded',
  async (transport) => {
    for (const type of DELEGATION_TYPES)
      for (const name of ['com', 'lan']) await assertForwarded(transport, name, type);
    for (const type of ['SOA', 'DNSKEY']) await assertForwarded(transport, '', type);
  },
);

testOverBoth(
  'RFC 8914 §4.16: a denial by our own list carries EDE 15; a denial by a standard carries none',
  async (transport) => {
    for (const name of ['nas.lan', 'printer', 'com', 'db.internal', 'use-application-dns.net']) {
      assert.equal((await lab.ask(transport, { name, edns: {} })).ede?.code, 15, name);
    }
    for (const name of ['a.onion', 'printer.local', 'nas.home.arpa', '1.1.168.192.in-addr.arpa']) {
      assert.equal((await lab.ask(transport, { name, edns: {} })).ede, undefined, name);
    }
  },
);

testOverBoth('RFC 8880 §7.1: ipv4only.arpa is sent upstream', async (transport) => {
  const reply = await lab.ask(transport, { name: 'ipv4only.arpa' });
  assert.equal(reply.answers.length, 1);
  assert.equal(lab.asked('ipv4only.arpa'), 1);
});

testOverBoth('RFC 6761 §6: a name that only starts or ends like a special one is sent upstream', async (transport) => {
  for (const name of [
    'notonion',
    'onion.example',
    'mylocal',
    'lan.example',
    'nas.lan.example',
    'mylan',
    'host',
    'x-use-application-dns.net',
    '1.0.32.172.in-addr.arpa',
  ]) {
    const own = `${transport}.${name}`;
    assert.equal((await lab.ask(transport, { name: own })).rcode, 'NOERROR');
    assert.equal(lab.asked(own), 1, name);
  }
});

test('RFC 7686 §2: the log and the metrics contain no queried name', async () => {
  const { body } = await lab.daemon.page('/metrics');
  for (const text of [lab.daemon.process.output, body]) {
    assert.doesNotMatch(text, /printer|wpad|\bnas\b|www\.some|mylocal|ipv4only|in-addr/i);
  }
});

test('--undelegated forward sends upstream what no standard makes local, and nothing else', async () => {
  await using forwarding = await startLab('--undelegated', 'forward');
  for (const name of ['nas.lan', 'x.home', 'printer']) {
    assert.equal((await forwarding.ask('udp', { name })).rcode, 'NOERROR', name);
    assert.equal(forwarding.asked(name), 1, name);
  }
  for (const name of ['x.onion', 'x.local', 'x.test', 'x.invalid', 'localhost', '5.1.168.192.in-addr.arpa']) {
    await forwarding.ask('udp', { name });
    assert.equal(forwarding.asked(name), 0, name);
  }
});
