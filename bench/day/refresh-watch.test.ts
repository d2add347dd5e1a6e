import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline } from '../../src/lib/deadline.ts';
import type { Query } from '../../src/model/query.ts';
import { ask } from '../../test/fixtures/dns/messages.ts';
import { ManualClock } from '../../test/fixtures/manual-clock.ts';
import { UpstreamDouble } from '../../test/resolver/harness.ts';
import { type Answerer, RefreshWatch } from './refresh-watch.ts';

const QUERY = ask({ name: 'a.example.com' });
const REPLY = new Uint8Array(12);

/** A watch around pipelines that forward each query, and wait for the answer or do not. */
function createWatch(): { watch: RefreshWatch; waits: Answerer; refreshes: Answerer } {
  const watch = new RefreshWatch(new UpstreamDouble());
  const exchange = ({ wire }: Query): Promise<Uint8Array> =>
    watch.exchange(wire, { deadline: Deadline.after(new ManualClock(), 1000) });
  return {
    watch,
    waits: exchange,
    refreshes: (query) => {
      void exchange(query);
      return REPLY;
    },
  };
}

test('an answer that a client waited for was not refreshed', async () => {
  const { watch, waits } = createWatch();
  await watch.ask(waits, QUERY);
  assert.equal(watch.wasRefreshed(QUERY), false);
});

test('an answer that came while no client waited is refreshed, until a client waits for the next', async () => {
  const { watch, waits, refreshes } = createWatch();
  assert.equal(await watch.ask(refreshes, QUERY), REPLY);
  await new Promise(setImmediate);
  assert.equal(watch.wasRefreshed(QUERY), true);
  assert.equal(watch.wasRefreshed(ask({ name: 'b.example.com' })), false);
  await watch.ask(waits, QUERY);
  assert.equal(watch.wasRefreshed(QUERY), false);
});
