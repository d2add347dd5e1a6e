import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '../onion/seeded-random.ts';
import { askForADay, DAY_MS, FIRST_HOUR, type HouseholdQuery } from './household.ts';

const SEEDS = [1, 2, 3, 4, 5];
const DAYS: readonly (readonly HouseholdQuery[])[] = SEEDS.map((seed) => askForADay(createSeededRandom(seed)));
const QUERIES: readonly HouseholdQuery[] = DAYS.flat();

function share(of: readonly HouseholdQuery[], condition: (query: HouseholdQuery) => boolean): number {
  return of.filter(condition).length / of.length;
}

/** Queries by hour of the clock, over all days. */
function inHours(from: number, to: number): number {
  const hourOf = ({ atMs }: HouseholdQuery): number => (FIRST_HOUR + Math.floor(atMs / 3_600_000)) % 24;
  return QUERIES.filter((query) => hourOf(query) >= from && hourOf(query) < to).length / (to - from);
}

test('the same seed gives the same queries, another seed gives others', () => {
  assert.deepEqual(askForADay(createSeededRandom(1)), DAYS[0]);
  assert.notDeepEqual(DAYS[1], DAYS[0]);
});

test('a day has 10,000 to 20,000 queries, in order of time', () => {
  for (const day of DAYS) {
    assert.ok(day.length > 10_000 && day.length < 20_000, `${day.length}`);
    assert.deepEqual(
      day.map(({ atMs }) => atMs),
      day.map(({ atMs }) => atMs).toSorted((a, b) => a - b),
    );
    assert.ok(day.every(({ atMs }) => atMs >= 0 && atMs < DAY_MS));
  }
});

test('the evening is busy, and at night only appliances send queries', () => {
  assert.ok(inHours(18, 22) > 5 * inHours(2, 5));
  assert.ok(inHours(18, 22) > 1.3 * inHours(9, 15));
  assert.ok(inHours(2, 5) > 0);
});

test('few names are popular, and many are looked up once or twice', () => {
  for (const day of DAYS) {
    const counts = new Map<string, number>();
    for (const { host } of day) counts.set(host.name, (counts.get(host.name) ?? 0) + 1);
    const ordered = [...counts.values()].toSorted((a, b) => b - a);
    const ofFirst = (names: number): number =>
      ordered.slice(0, names).reduce((sum, count) => sum + count, 0) / day.length;
    assert.ok(ofFirst(ordered.length / 10) > 0.4, `${ofFirst(ordered.length / 10)}`);
    assert.ok(ordered.filter((count) => count <= 6).length > ordered.length / 2);
  }
});

test('pages come in bursts: a name with all of its types, and others within seconds', () => {
  const isFollowed = (query: HouseholdQuery, i: number, day: readonly HouseholdQuery[]): boolean =>
    (day[i + 1]?.atMs ?? Infinity) - query.atMs < 2000;
  const followed = DAYS.flatMap((day) => day.filter(isFollowed)).length / QUERIES.length;
  assert.ok(followed > 0.75, `${followed}`);
  for (const type of ['A', 'AAAA', 'HTTPS']) {
    const ofType = share(QUERIES, (query) => query.type === type);
    assert.ok(ofType > 0.2 && ofType < 0.5, `${type}: ${ofType}`);
  }
});

test('a device does not repeat a query within a minute', () => {
  const lastAt = new Map<string, number>();
  for (const { atMs, host, type, device } of DAYS[0] ?? []) {
    const key = `${device} ${host.name} ${type}`;
    assert.ok(atMs - (lastAt.get(key) ?? -Infinity) >= 60_000);
    lastAt.set(key, atMs);
  }
});

test('about half of the TTLs are a minute or less, and one query in eleven is for a name that does not exist', () => {
  const hosts = [...new Set(QUERIES.map(({ host }) => host))].filter(({ exists }) => exists);
  const livingFor = (seconds: number): number =>
    hosts.filter(({ ttlSeconds }) => ttlSeconds <= seconds).length / hosts.length;
  assert.ok(Math.abs(livingFor(60) - 0.5) < 0.05);
  assert.ok(Math.abs(livingFor(300) - 0.75) < 0.05);
  assert.ok(livingFor(3600) > 0.95);
  const missing = share(QUERIES, ({ host }) => !host.exists);
  assert.ok(missing > 0.07 && missing < 0.12, `${missing}`);
});
