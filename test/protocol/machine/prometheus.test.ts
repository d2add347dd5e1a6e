import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { METRIC_ROWS, type MetricRow } from '../../../scripts/docs/metrics.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { startPrometheus } from '../../fixtures/prometheus.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { choicesOf, expressionOf, readDashboard } from '../../prometheus/dashboard.ts';
import { startLab } from '../lab.ts';
import { askEveryKind } from './every-kind.ts';

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());
const { certificatePath, keyPath } = await authority.issue(['localhost']);
const encrypted = [
  '--dot-address',
  '127.0.0.1',
  '--dot-port',
  '0',
  '--tls-cert',
  certificatePath,
  '--tls-key',
  keyPath,
];
// Nothing listens at the server of the route.
const lab = await startLab('--circuits', '2', '--timeout', '2s', '--route', 'lan=127.0.0.1:1', ...encrypted);
after(() => lab[Symbol.asyncDispose]());
await askEveryKind(lab, 0);
// No connection is left, and estimates exist only for open circuits.
await lab.ask('udp', { name: 'after.example' });
await lab.ask('udp', { name: 'nas.lan' });

/** Metrics without a series here, with the reason. */
const ABSENT: Readonly<Record<string, string>> = {
  dns4tor_tor_circuits: 'the SOCKS double has no control port',
};

/** What the lines of a metric family say. */
interface Exported {
  readonly type: string;
  readonly labels: ReadonlySet<string>;
}

function read(exposition: string): Map<string, Exported> {
  const exported = new Map<string, Exported & { readonly labels: Set<string> }>();
  for (const [, name = '', type = ''] of exposition.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    exported.set(name, { type, labels: new Set() });
  }
  for (const [, series = '', labels = ''] of exposition.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const family = exported.get(series) ?? exported.get(series.replace(/_(?:bucket|sum|count)$/, ''));
    assert.ok(family !== undefined, `${series} has no type`);
    for (const [, label = ''] of labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g))
      if (label !== 'le') family.labels.add(label);
  }
  return exported;
}

test('a running dns4tor serves exactly the metrics of the table, with their types and labels', async () => {
  const { body } = await lab.daemon.page('/metrics');
  const exported = read(body);
  assert.deepEqual([...exported.keys()].toSorted(), METRIC_ROWS.map(({ name }) => name).toSorted());
  for (const row of METRIC_ROWS) {
    const { type, labels } = exported.get(row.name) as Exported;
    assert.equal(type, row.type, row.name);
    if (isServed(row, body)) assert.deepEqual([...labels].toSorted(), Object.keys(row.labels).toSorted(), row.name);
    else assert.ok(row.name in ABSENT || row.name.startsWith('nodejs_'), `${row.name} has no series`);
  }
});

/** Whether the metric has a series. */
function isServed({ name, type }: MetricRow, exposition: string): boolean {
  return new RegExp(`^${name}${type === 'histogram' ? '_count' : ''}[{ ]`, 'm').test(exposition);
}

test('all label values are in the table', async () => {
  const { body } = await lab.daemon.page('/metrics');
  for (const { name, labels } of METRIC_ROWS) {
    for (const [label, values] of Object.entries(labels)) {
      if (typeof values === 'string' || values.length === 0) continue;
      for (const [, value = ''] of body.matchAll(new RegExp(`^${name}(?:_\\w+)?\\{(?:.*,)?${label}="([^"]*)"`, 'gm'))) {
        assert.ok(values.includes(value), `${name}: ${label}="${value}"`);
      }
    }
  }
});

test('promtool accepts the metrics under load', async () => {
  const { body } = await lab.daemon.page('/metrics');
  assert.equal(await runProgram('promtool', ['check', 'metrics'], { input: body }), '');
});

/** Panels that are empty here, with the reason. */
const EMPTY_QUERIES: Readonly<Record<string, string>> = {
  "Tor's circuits A": 'the SOCKS double has no control port',
};

/** Enough for a few scrapes under load. */
const DRAWN_MS = 30_000;

/** Four scrapes of one second, as Grafana's $__rate_interval. */
const RATE_INTERVAL = '5s';

test('Prometheus with the shipped configuration has data for every dashboard panel and evaluates every rule', async () => {
  await using prometheus = await startPrometheus(lab.daemon.metricsAddress);
  const { panels, annotations, templating } = await readDashboard();
  const queries = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, expr }) => ({ name: `${title} ${refId}`, expr: expressionOf(expr, RATE_INTERVAL) })),
  );
  const scraped = 'count_over_time(dns4tor_build_info{job="dns4tor"}[1m]) > 3';
  await waitUntil('there are some scrapes', DRAWN_MS, async () => (await prometheus.query(scraped)).length > 0);
  let empty: string[] = [];
  let round = 1;
  await waitUntil('all panels have data', DRAWN_MS, async () => {
    await askEveryKind(lab, round++);
    const drawn = await Promise.all(queries.map(({ expr }) => prometheus.query(expr)));
    empty = queries
      .filter((_, index) => !drawn[index]?.some(({ value }) => !Number.isNaN(value)))
      .map(({ name }) => name);
    return empty.every((name) => name in EMPTY_QUERIES);
  }).catch((error: unknown) => assert.fail(`${String(error)}; empty: ${empty.join(', ')}`));
  assert.deepEqual(empty, Object.keys(EMPTY_QUERIES));
  for (const variable of templating.list) {
    const { selector, label } = choicesOf(variable);
    const series = await prometheus.query(expressionOf(selector, RATE_INTERVAL));
    const choices = new Set(series.map(({ metric }) => metric[label]));
    assert.deepEqual(choices, new Set([label === 'job' ? 'dns4tor' : lab.daemon.metricsAddress]));
  }
  for (const { expr } of annotations.list) await prometheus.query(expressionOf(expr, RATE_INTERVAL));

  const rules = await prometheus.alertRules();
  assert.ok(rules.length > 0);
  for (const { name, health, evaluated } of rules) assert.deepEqual([name, health, evaluated], [name, 'ok', true]);
});
