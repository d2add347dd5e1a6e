import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { type RawSpec, rawName } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';
import { type Transport, testOverBoth } from '../raw-client.ts';
import type { Reply } from '../reply.ts';
import {
  addressOf,
  alias,
  answering,
  QNAME,
  RCODE,
  RESPONSE_FLAGS,
  responseTo,
  startOfAuthority,
} from '../upstream-messages.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

interface Kept {
  readonly first: Reply;
  readonly second: Reply;
  /** Number of upstream queries. */
  readonly asked: number;
}

async function askTwice(
  transport: Transport,
  label: string,
  parts: Partial<RawSpec>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Kept> {
  const name = `${label}-${transport}.example`;
  lab.behave(name, ({ query }) => ({ headers, body: responseTo(query, parts) }));
  const first = await lab.ask(transport, { name });
  const second = await lab.ask(transport, { name });
  return { first, second, asked: lab.asked(name) };
}

/** @param partsFor returns upstream's answer for a TTL */
async function assertCountsDown(
  transport: Transport,
  label: string,
  partsFor: (ttl: number) => Partial<RawSpec>,
): Promise<void> {
  const long = `${label}-long-${transport}.example`;
  lab.behave(long, answering(partsFor(300)));
  assert.deepEqual(ttls(await lab.ask(transport, { name: long })), [300]);
  await waitUntil(
    'the TTL is lower',
    PATIENCE_MS,
    async () => ttls(await lab.ask(transport, { name: long }))[0]! < 300,
  );
  assert.equal(lab.asked(long), 1);

  const short = `${label}-short-${transport}.example`;
  lab.behave(short, answering(partsFor(1)));
  await waitUntil('the answer expires', PATIENCE_MS, async () => {
    const [ttl = -1] = ttls(await lab.ask(transport, { name: short }));
    // TTLs count down in whole seconds, and then the answer expires.
    assert.equal(ttl, 1);
    return lab.asked(short) === 2;
  });
}

function ttls({ answers, authorities }: Reply): number[] {
  return [...answers, ...authorities].map(({ ttlSeconds }) => ttlSeconds);
}

const NXDOMAIN = RESPONSE_FLAGS | RCODE.nxdomain;
const ZONE = rawName('example');

// Each test has names of its own, and some wait a second. More at a time would exceed the limit of a client.
describe('lifetimes', { concurrency: 8 }, () => {
  testOverBoth(
    'RFC 2181 §5.2: unequal TTLs of an RRset become the lowest; another RRset keeps its own',
    async (transport) => {
      const target = rawName('target', 'example');
      const { first, asked } = await askTwice(transport, 'unequal', {
        answers: [alias(QNAME, target, 500), ...[300, 200, 250].map((ttl, i) => addressOf(target, ttl, i + 1))],
      });
      assert.deepEqual(ttls(first), [500, 200, 200, 200]);
      assert.equal(asked, 1);
    },
  );

  testOverBoth(
    'RFC 2181 §8: a TTL with its top bit set counts as 0, and the answer is not cached',
    async (transport) => {
      for (const ttl of [0x8000_0000, 0xffff_ffff]) {
        const { first, asked } = await askTwice(transport, `top-bit-${ttl}`, { answers: [addressOf(QNAME, ttl)] });
        assert.deepEqual(ttls(first), [0]);
        assert.equal(asked, 2);
      }
    },
  );

  testOverBoth('RFC 8767 §4: TTLs are capped at a day, in the first answer and from the cache', async (transport) => {
    const target = rawName('target', 'example');
    const answers = [alias(QNAME, target, 86_401), addressOf(target, 0x7fff_ffff)];
    const { first, second, asked } = await askTwice(transport, 'week', { answers });
    assert.deepEqual(ttls(first), [86_400, 86_400]);
    assert.ok(ttls(second).every((ttl) => ttl <= 86_400 && ttl > 86_000));
    assert.equal(asked, 1);
  });

  testOverBoth('RFC 1035 §3.2.1: an answer with TTL 0 is returned once and not cached', async (transport) => {
    const { first, second, asked } = await askTwice(transport, 'zero', { answers: [addressOf(QNAME, 0)] });
    assert.deepEqual([ttls(first), ttls(second)], [[0], [0]]);
    assert.equal(asked, 2);
  });

  testOverBoth(
    'RFC 1035 §3.2.1: the TTL of a cached answer counts down, and then upstream is queried again',
    async (transport) => {
      await assertCountsDown(transport, 'down', (ttl) => ({ answers: [addressOf(QNAME, ttl)] }));
    },
  );

  for (const [kind, flags] of [
    ['NXDOMAIN', NXDOMAIN],
    ['NODATA', RESPONSE_FLAGS],
  ] as const) {
    testOverBoth(
      `RFC 2308 §3, §5: ${kind} is cached with its SOA, for the lower of the SOA’s TTL and MINIMUM`,
      async (transport) => {
        for (const [ttl, minimum] of [
          [600, 60],
          [60, 600],
        ] as const) {
          const parts = { flags, authorities: [startOfAuthority(ZONE, ttl, minimum)] };
          const { first, second, asked } = await askTwice(transport, `${kind}-${ttl}`, parts);
          for (const reply of [first, second]) {
            assert.equal(reply.rcode, kind === 'NODATA' ? 'NOERROR' : kind);
            assert.deepEqual(reply.answers, []);
            assert.equal(reply.authorities[0]?.type, 'SOA');
          }
          assert.deepEqual(ttls(first), [60]);
          assert.equal(asked, 1);
        }
      },
    );

    testOverBoth(
      `RFC 2308 §5: the TTL of ${kind} counts down, and then upstream is queried again`,
      async (transport) => {
        const partsFor = (ttl: number): Partial<RawSpec> => ({
          flags,
          authorities: [startOfAuthority(ZONE, 300, ttl)],
        });
        await assertCountsDown(transport, `${kind}-down`, partsFor);
      },
    );

    testOverBoth(`RFC 2308 §5: ${kind} is cached for at most three hours`, async (transport) => {
      const parts = { flags, authorities: [startOfAuthority(ZONE, 0x7fff_ffff, 0x7fff_ffff)] };
      const { first, asked } = await askTwice(transport, `${kind}-days`, parts);
      assert.deepEqual(ttls(first), [10_800]);
      assert.equal(asked, 1);
    });

    testOverBoth(
      `RFC 2308 §5: ${kind} with the SOA of a zone that does not enclose the name is passed on without it and not cached`,
      async (transport) => {
        const parts = { flags, authorities: [startOfAuthority(rawName('bank', 'example'), 600, 600)] };
        const { first, second, asked } = await askTwice(transport, `${kind}-elsewhere`, parts);
        for (const reply of [first, second]) {
          assert.equal(reply.rcode, kind === 'NODATA' ? 'NOERROR' : kind);
          assert.deepEqual(reply.authorities, []);
        }
        assert.equal(asked, 2);
      },
    );

    testOverBoth(`RFC 2308 §5: ${kind} without a SOA is passed on and not cached`, async (transport) => {
      const { first, second, asked } = await askTwice(transport, `${kind}-bare`, { flags });
      assert.deepEqual([first.rcode, second.rcode], Array(2).fill(kind === 'NODATA' ? 'NOERROR' : kind));
      assert.equal(asked, 2);
    });
  }

  testOverBoth(
    'RFC 2308 §2.1: an alias to a nonexistent name is NXDOMAIN with the alias, cached for the lowest of all TTLs',
    async (transport) => {
      const parts = {
        flags: NXDOMAIN,
        answers: [alias(QNAME, rawName('nowhere', 'example'), 300)],
        authorities: [startOfAuthority(ZONE, 600, 60)],
      };
      const { first, second, asked } = await askTwice(transport, 'to-nowhere', parts);
      for (const reply of [first, second]) assert.deepEqual([reply.rcode, reply.answers.length], ['NXDOMAIN', 1]);
      assert.deepEqual(ttls(first), [300, 60]);
      assert.equal(asked, 1);
    },
  );

  testOverBoth(
    'RFC 8484 §5.1: Age is subtracted from every TTL: TTL 300 with Age 250 becomes 50',
    async (transport) => {
      const target = rawName('target', 'example');
      const answers = [alias(QNAME, target, 1000), addressOf(target, 300)];
      const { first, second, asked } = await askTwice(transport, 'age', { answers }, { age: '250' });
      assert.deepEqual(ttls(first), [750, 50]);
      assert.ok(ttls(second).every((ttl, i) => ttl <= [750, 50][i]!));
      assert.equal(asked, 1);
    },
  );

  testOverBoth(
    'RFC 8484 §5.1, RFC 2308 §5: Age is subtracted from the lower of a denial’s TTL and MINIMUM',
    async (transport) => {
      const parts = { flags: NXDOMAIN, authorities: [startOfAuthority(ZONE, 600, 60)] };
      const { first, asked } = await askTwice(transport, 'age-denial', parts, { age: '20' });
      assert.deepEqual(ttls(first), [40]);
      assert.equal(asked, 1);
    },
  );

  testOverBoth(
    'RFC 8484 §5.1, RFC 9111 §1.2.2: an answer as old as its TTL or older has TTL 0 and is not cached',
    async (transport) => {
      for (const [i, age] of ['300', '301', '999999999', '4294967297', '9'.repeat(400)].entries()) {
        const { first, asked } = await askTwice(transport, `old-${i}`, { answers: [addressOf()] }, { age });
        assert.deepEqual(ttls(first), [0]);
        assert.equal(asked, 2);
      }
    },
  );

  testOverBoth('RFC 9111 §1.2.2: an Age that is not a number of seconds is ignored', async (transport) => {
    for (const [label, age] of Object.entries({ text: 'old', negative: '-250', fraction: '250.5', list: '250, 250' })) {
      const { first, asked } = await askTwice(transport, `age-${label}`, { answers: [addressOf()] }, { age });
      assert.deepEqual(ttls(first), [300], label);
      assert.equal(asked, 1);
    }
  });
});
