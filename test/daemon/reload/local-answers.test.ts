import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { loadSettings } from '../../../src/config/load.ts';
import { validate } from '../../../src/config/validate.ts';
import { LocalAnswers } from '../../../src/daemon/reload/local-answers.ts';
import type { PreparedAnswer } from '../../../src/message/answer/prepared-answer.ts';
import { RouteTable } from '../../../src/upstream/routes/route-table.ts';
import { dataAnswer } from '../../cache/cache-rig.ts';
import { PLAIN_POLICY } from '../../fixtures/policies.ts';

function configOf(...route: readonly string[]): Config {
  return validate(loadSettings({ flags: { route }, env: {} }));
}

/** Local answers whose routes a test looks at. The policy keeps every answer unless it is told otherwise. */
class Rig {
  table = new RouteTable([]);
  replaced = 0;
  policyKeeps: (answer: PreparedAnswer) => boolean = () => true;
  readonly covers: ((qname: string) => boolean)[] = [];

  replace(table: RouteTable): void {
    this.replaced++;
    this.table = table;
  }

  async load(...routes: readonly string[]): Promise<LocalAnswers> {
    this.table = new RouteTable(configOf(...routes).routes);
    return LocalAnswers.load(
      {
        routed: this,
        loadPolicy: async (_, covers) => {
          this.covers.push(covers);
          return Object.assign(Object.create(PLAIN_POLICY) as typeof PLAIN_POLICY, { keeps: this.policyKeeps });
        },
        checkRoutes: () => {},
      },
      configOf(...routes),
    );
  }
}

const LAN = 'nas.lan';
const PUBLIC = 'www.example.com';
const COMPANY = 'wiki.corp.example.com';

test('cached answers stay if the same servers would be asked again', async () => {
  const rig = new Rig();
  const local = await rig.load('lan=192.168.1.1', 'corp.example.com=10.0.0.1');
  const apply = await local.prepare(configOf('lan=192.168.1.2', 'corp.example.com=10.0.0.1', 'example.org=10.0.0.1'));
  assert.equal(rig.replaced, 0);
  const keeps = apply();
  assert.equal(rig.replaced, 1);
  assert.equal(keeps?.(dataAnswer(LAN)), false);
  assert.equal(keeps?.(dataAnswer(COMPANY)), true);
  assert.equal(keeps?.(dataAnswer(PUBLIC)), true);
  assert.equal(keeps?.(dataAnswer('www.example.org')), false);
});

test('of a removed route, no answer stays', async () => {
  const rig = new Rig();
  const local = await rig.load('lan=192.168.1.1', 'corp.example.com=10.0.0.1');
  const keeps = (await local.prepare(configOf('lan=192.168.1.1')))();
  assert.equal(keeps?.(dataAnswer(COMPANY)), false);
  assert.equal(keeps?.(dataAnswer(LAN)), true);
});

test('unchanged routes are not replaced, so that what is known of their servers is kept', async () => {
  const rig = new Rig();
  const local = await rig.load('lan=192.168.1.1');
  (await local.prepare(configOf('lan=192.168.1.1')))();
  assert.equal(rig.replaced, 0);
});

test('the policy is replaced with the routes, not before, and spares the names of the new ones', async () => {
  const rig = new Rig();
  const local = await rig.load();
  const before = local.policy;
  rig.policyKeeps = () => false;
  const apply = await local.prepare(configOf('lan=192.168.1.1'));
  assert.equal(local.policy, before);
  const keeps = apply();
  assert.notEqual(local.policy, before);
  assert.equal(keeps?.(dataAnswer(PUBLIC)), false);
  assert.deepEqual(
    rig.covers.map((covers) => covers('\x03nas\x03lan\0')),
    [false, true],
  );
});
