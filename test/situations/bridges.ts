import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { findProgram } from '../fixtures/process/find-program.ts';
import { startConfinedDaemon } from '../leaks/confined-daemon.ts';
import type { CensoredLaboratory } from './censored-laboratory.ts';

/** Both ends of a connection that stays in the namespace, as ss prints them. */
const ON_LOOPBACK = / 127\.0\.0\.1:\d+ +127\.0\.0\.1:/;

/** A managed tor with a bridge, on a network that lets packets through only to the bridge. */
export function bridgesSuite(getLaboratory: () => CensoredLaboratory): void {
  describe('a managed tor with a bridge', () => {
    let laboratory: CensoredLaboratory;
    before(() => {
      laboratory = getLaboratory();
    });

    for (const [transport, program] of [
      ['obfs4', 'obfs4proxy'],
      ['vanilla', 'tor'],
    ] as const) {
      test(`a query is answered through the bridge (${transport}), and no packet goes anywhere else`, async () => {
        const { internet, bridge, flags, bridgesFile } = laboratory;
        const bridges = transport === 'obfs4' ? ['--bridges-file', bridgesFile] : ['--bridge', bridge.lines.vanilla];
        const port = transport === 'obfs4' ? bridge.obfs4Port : bridge.orPort;
        await using client = await internet.connect('only the bridge');
        await using daemon = await startConfinedDaemon(client, [...flags, ...bridges]);
        await daemon.answers();
        const { status, answer } = await daemon.ask('a.dns4tor-lab.net');
        assert.deepEqual([status, answer.map(({ data }) => data)], ['NOERROR', ['192.0.2.1']]);

        const sockets = await client.run(await findProgram('ss'), '-H', '--tcp', '--numeric', '--processes');
        const outside = sockets.split('\n').filter((line) => line !== '' && !ON_LOOPBACK.test(line));
        assert.ok(outside.length > 0);
        for (const line of outside) {
          assert.ok(line.includes(` ${bridge.host}:${port} `) && line.includes(`"${program}"`), line);
        }
        assert.deepEqual((await client.sent()).destinations, [`tcp ${bridge.host}:${port}`]);
      });
    }
  });
}
