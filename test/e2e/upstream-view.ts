import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeMessage } from '../../src/message/wire/codec.ts';
import { dig } from '../fixtures/dns/dig.ts';
import { kdig } from '../fixtures/dns/kdig.ts';
import { type DohRequest, REQUEST_HEADERS } from '../fixtures/dns/recording-doh-server.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import type { Laboratory } from './laboratory.ts';

const PADDING_BLOCK_BYTES = 128;

/** With one circuit: candidates at the start, of which the fastest stays, and two replacements. */
const MOST_CONNECTIONS = 6;

/** What the resolver behind the onion sees of its clients. */
export function upstreamViewSuite(getLaboratory: () => Laboratory): void {
  describe("what the onion's server sees", () => {
    let laboratory: Laboratory;
    let daemon: Daemon;
    before(async () => {
      laboratory = getLaboratory();
      const url = laboratory.url.replace('.onion/', '.onion:8443/');
      // One circuit, so that no query is hedged.
      daemon = await laboratory.startDaemon('--upstream', url, '--upstream-ca', laboratory.caPath, '--circuits', '1');
      await daemon.answers();
    });
    after(() => daemon[Symbol.asyncDispose]());

    const requestsDuring = async (work: () => Promise<unknown>): Promise<readonly DohRequest[]> => {
      const known = laboratory.recording.requests.length;
      await work();
      return laboratory.recording.requests.slice(known);
    };
    const server = (): string[] => ['@127.0.0.1', '-p', String(daemon.port)];

    test('RFC 8484 §4.1, RFC 8467 §4.1: POST with ID 0, padded to a multiple of 128 octets, and always the same headers', async () => {
      const requests = await requestsDuring(async () => {
        for (const label of ['x', 'a-longer-name', 'l'.repeat(63)])
          await dig(...server(), `${label}.wild.dns4tor-lab.net`);
      });
      assert.equal(requests.length, 3);
      for (const { headers, query } of requests) {
        assert.equal(decodeMessage(query).id, 0);
        assert.equal(query.length % PADDING_BLOCK_BYTES, 0);
        assert.deepEqual(Object.keys(headers).toSorted(), REQUEST_HEADERS.toSorted());
        assert.equal(headers[':method'], 'POST');
        assert.equal(headers[':path'], '/dns-query');
      }
    });

    test('RFC 7871, RFC 7873: the bytes are the same whatever EDNS options the client sends', async () => {
      const [plain] = await requestsDuring(() => dig(...server(), 'plain.wild.dns4tor-lab.net', 'TXT'));
      assert.ok(plain !== undefined);
      const variants: readonly (readonly string[])[] = [
        ['+subnet=192.0.2.0/24'],
        ['+cookie=0123456789abcdef'],
        ['+bufsize=4096'],
        ['+noedns'],
        ['+nsid'],
      ];
      for (const [index, flags] of variants.entries()) {
        // As long as "plain", and not in the cache either.
        const label = `Var${String.fromCharCode(65 + index)}X`;
        const [request] = await requestsDuring(() =>
          dig(...server(), `${label}.wild.dns4tor-lab.net`, 'TXT', ...flags),
        );
        assert.ok(request !== undefined);
        const asPlain = Buffer.from(request.query);
        assert.equal(asPlain.toString('latin1', 13, 18), label.toLowerCase());
        asPlain.write('plain', 13, 'latin1');
        assert.deepEqual(asPlain, Buffer.from(plain.query));
      }
    });

    test('one question from twenty clients is one request', async () => {
      const requests = await requestsDuring(() =>
        kdig(...server(), ...Array.from({ length: 20 }, () => 'together.wild.dns4tor-lab.net')).then(() =>
          Promise.all(Array.from({ length: 20 }, () => dig(...server(), 'at-once.wild.dns4tor-lab.net'))),
        ),
      );
      const lengths = requests.map(({ query }) => decodeMessage(query).questions?.[0]?.name);
      assert.deepEqual(lengths, ['together.wild.dns4tor-lab.net', 'at-once.wild.dns4tor-lab.net']);
    });

    test('a few connections carry all requests', () => {
      const { requests } = laboratory.recording;
      assert.ok(requests.length > 2 * MOST_CONNECTIONS);
      assert.ok(new Set(requests.map(({ connection }) => connection)).size <= MOST_CONNECTIONS);
    });
  });
}
