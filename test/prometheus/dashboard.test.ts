import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { METRIC_ROWS } from '../../scripts/docs/metrics.ts';
import { PROMETHEUS_FILES } from '../fixtures/prometheus.ts';
import { choicesOf, labelsLeft, overlaps, readDashboard, selectorsOf } from './dashboard.ts';

const dashboard = await readDashboard();
const { __inputs: inputs, __requires: requires } = dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

test('the dashboard asks for its data source on import, and uses no other', () => {
  assert.deepEqual(
    inputs.map(({ name, type, pluginId }) => ({ name, type, pluginId })),
    [{ name: 'DS_PROMETHEUS', type: 'datasource', pluginId: 'prometheus' }],
  );
  const sources = JSON.stringify(dashboard).match(/"uid":"[^"]*"/g) ?? [];
  assert.deepEqual([...new Set(sources)].toSorted(), ['"uid":"${DS_PROMETHEUS}"', '"uid":"dns4tor"']);
  const required = requires.filter(({ type }) => type === 'panel').map(({ id }) => id);
  assert.deepEqual(required.toSorted(), [...new Set(panels.map(({ type }) => type))].toSorted());
});

test('each panel has its own ID, title and position, and a description and unit', () => {
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  assert.equal(new Set(dashboard.panels.map(({ title }) => title)).size, dashboard.panels.length);
  assert.deepEqual(overlaps(dashboard.panels), []);
  for (const { title, description = '', fieldConfig, gridPos, targets = [] } of panels) {
    assert.match(description, /\.$/, title);
    assert.ok(fieldConfig?.defaults.unit, title);
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    assert.ok(targets.length > 0, title);
    for (const { legendFormat } of targets) assert.ok(legendFormat.length > 0, title);
  }
});

test('each query selects the chosen instances, and only existing metrics', () => {
  const names = new Set(
    METRIC_ROWS.flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const expressions = [...panels.flatMap(({ targets = [] }) => targets), ...dashboard.annotations.list];
  for (const { expr } of expressions) {
    const selectors = [...expr.matchAll(/\b((?:dns4tor|coredns|process|nodejs)_\w+)(\{[^}]*\})?/g)];
    assert.ok(selectors.length > 0, expr);
    for (const [, name = '', labels = ''] of selectors) {
      assert.ok(names.has(name), name);
      assert.match(labels, /^\{job=~"\$job", instance=~"\$instance"/, expr);
    }
  }
});

test('queries, groups and legends use only labels and values that the metrics have', () => {
  const rows = new Map(METRIC_ROWS.map((row) => [row.name, row]));
  for (const { title, targets = [] } of panels) {
    for (const { expr, legendFormat } of targets) {
      const known = selectorsOf(expr).flatMap(({ metric, isBucket, matchers }) => {
        const labels = rows.get(metric)?.labels ?? {};
        const names = [...Object.keys(labels), ...OF_PROMETHEUS, ...(isBucket ? ['le'] : [])];
        for (const { label, values } of matchers) {
          assert.ok(names.includes(label), `${title}: ${metric} has no label ${label}`);
          const possible = labels[label];
          if (typeof possible !== 'object' || possible.length === 0) continue;
          for (const value of values) assert.ok(possible.includes(value), `${title}: ${metric}, ${label}="${value}"`);
        }
        return names;
      });
      const left = labelsLeft(expr, known);
      for (const label of left) assert.ok(known.includes(label), `${title}: no series of ${expr} has ${label}`);
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(left.includes(label), `${title}: ${expr} leaves no ${label}`);
      }
    }
  }
});

/** The labels of a scrape. */
const OF_PROMETHEUS = ['job', 'instance'];

test('the variables of the dashboard are the labels of a scrape, and the queries use them', () => {
  const { list } = dashboard.templating;
  assert.deepEqual(
    list.map(({ name }) => name),
    OF_PROMETHEUS,
  );
  for (const variable of list) {
    const { selector, label } = choicesOf(variable);
    assert.equal(variable.query.query, variable.definition);
    assert.equal(variable.allValue, '.+');
    assert.equal(label, variable.name);
    assert.deepEqual(
      selectorsOf(selector).map(({ metric }) => METRIC_ROWS.some(({ name }) => name === metric)),
      [true],
    );
  }
});

test('the dashboard and the alert agree on what an outage of an upstream is', async () => {
  const rules = await readFile(join(PROMETHEUS_FILES, 'dns4tor.rules.yml'), 'utf8');
  const [, alert = ''] = /alert: Dns4torUpstreamDown\s+expr: >-([\s\S]*?)\n\s+for:/.exec(rules) ?? [];
  const panel = panels.find(({ title }) => title === 'Upstreams in an outage')?.targets?.[0]?.expr ?? '';
  const ofAll = panel.replaceAll('job=~"$job", instance=~"$instance", ', '');
  assert.equal(ofAll, `count(${alert.trim().replace(/\s+/g, ' ')}) or vector(0)`);
});

test('the dashboard shows every metric of dns4tor, except the ones listed here', () => {
  const text = JSON.stringify(panels.map(({ targets }) => targets));
  const own = METRIC_ROWS.map(({ name }) => name).filter((name) => /^(dns4tor|coredns)_/.test(name));
  const missing = own.filter((name) => !text.includes(name));
  assert.deepEqual(missing, Object.keys(NOT_SHOWN));
});

const NOT_SHOWN: Readonly<Record<string, string>> = {
  coredns_dns_request_size_bytes: 'hardly changes',
  coredns_dns_response_size_bytes: 'hardly changes',
  dns4tor_local_names: 'changes only with the configuration',
  dns4tor_tcp_connections_total: 'open connections are shown instead',
  dns4tor_certificate_expiry_timestamp_seconds: 'an alert watches it; only some serve DNS over TLS or HTTPS',
  dns4tor_upstream_connections: 'circuits are shown by state of their connection',
  dns4tor_upstream_alternatives: 'only some upstreams have any',
  dns4tor_route_requests_total: 'only some households have routes',
  dns4tor_route_server_failing: 'only some households have routes; the status page lists them',
  dns4tor_tor_log_lines_total: 'only a managed tor has lines; dns4tor_tor_state shows what they mean',
  dns4tor_config_reloads_total: 'reloads are rare, and the log names their problems',
  dns4tor_build_info: 'selects the instances',
};
