import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Random } from '../../../src/lib/random.ts';
import { RendezvousHash } from '../../../src/upstream/selection/rendezvous-hash.ts';
import { queryFor } from '../rig.ts';

const DOMAINS = Array.from({ length: 3000 }, (_, i) => `d${i}.example`);

/** A deterministic source of random bytes. */
function seeded(seed: string): Random {
  let drawn = 0;
  const bytes = (length: number): Uint8Array =>
    createHash('sha256').update(`${seed} ${drawn++}`).digest().subarray(0, length);
  return { fraction: () => 0.5, bytes };
}

function firstChoices(hash: RendezvousHash): number[] {
  return DOMAINS.map((domain) => hash.order(queryFor(domain))[0] as number);
}

/** Number of positions at which both lists are equal. */
function agreement(ones: readonly number[], others: readonly number[]): number {
  return ones.filter((one, i) => one === others[i]).length;
}

for (const count of [2, 3, 5]) {
  test(`${count} upstreams get about equal shares of the domains, also of those of a failed first choice`, () => {
    const hash = new RendezvousHash(seeded('a'), count);
    const orders = DOMAINS.map((domain) => hash.order(queryFor(domain)));
    const share = DOMAINS.length / count;
    for (let index = 0; index < count; index++) {
      const own = orders.filter(([first]) => first === index);
      assert.ok(Math.abs(own.length - share) < share / 5);
      for (let other = 0; other < count; other++) {
        if (other === index) continue;
        const seconds = own.filter(([, second]) => second === other).length;
        assert.ok(Math.abs(seconds - share / (count - 1)) < share / (count - 1) / 3);
      }
    }
  });
}

test('all names of a domain always have the same order', () => {
  const hash = new RendezvousHash(seeded('a'), 4);
  const order = hash.order(queryFor('example.co.uk'));
  assert.deepEqual(
    order.toSorted((a, b) => a - b),
    [0, 1, 2, 3],
  );
  for (const name of ['www.example.co.uk', 'EXAMPLE.co.uk', 'a.b.example.co.uk']) {
    assert.deepEqual(hash.order(queryFor(name)), order);
  }
});

test('other keys give another assignment, and an added upstream moves no domain between the others', () => {
  const [a, again, b] = ['a', 'a', 'b'].map((seed) => firstChoices(new RendezvousHash(seeded(seed), 2))) as [
    number[],
    number[],
    number[],
  ];
  assert.equal(agreement(a, again), DOMAINS.length);
  assert.ok(Math.abs(agreement(a, b) - DOMAINS.length / 2) < DOMAINS.length / 10);
  const three = firstChoices(new RendezvousHash(seeded('a'), 3));
  for (const [i, index] of three.entries()) if (index !== 2) assert.equal(index, a[i]);
});
