import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { runNamespaced } from '../namespaced.ts';
import { GOOD } from '../upstream-messages.ts';
import { Siege } from './hostile-neighbours.ts';

/* RFC 7766 §6.2 and RFC 9210 §4.4: the TCP connections of one client must not keep another from being answered. */

test('other clients are answered over TCP and UDP whatever neighbours do with TCP connections from many addresses or one network', () =>
  runNamespaced('neighbours'));

test('sixty concurrent dig +tcp are answered despite 150 silent connections', async () => {
  await using running = await startBehindDouble(GOOD);
  const { daemon } = running;
  await daemon.answers();
  await using siege = await Siege.begin({ port: daemon.port }, [{ manner: 'silent', connections: 150 }]);
  assert.equal(siege.open, 150);
  const args = ['@127.0.0.1', '-p', String(daemon.port), '+tcp', '+tries=1', '+time=10', '+short'];
  const outputs = await Promise.all(
    Array.from({ length: 60 }, (_, i) => runProgram('dig', [...args, `n${i}.dns4tor-lab.net`])),
  );
  assert.equal(outputs.filter((output) => output.trim() !== '').length, 60);
});
