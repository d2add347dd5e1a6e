import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTerminal } from '../../../src/cli/output/terminal.ts';

const ERASE = '\r\x1b[2K';

test('lines are unchanged while there is no bar', () => {
  const { terminal, written } = record();
  terminal.sink('one\n');
  terminal.clear();
  assert.deepEqual(written, ['one\n']);
});

test('a bar is redrawn in place, and lines appear above it', () => {
  const { terminal, written } = record();
  terminal.showBootstrap(50, 'Loading', false);
  const bar = `Tor ${'█'.repeat(15)}${'░'.repeat(15)} 50 % Loading`;
  terminal.sink('one\n');
  assert.deepEqual(written, [`${ERASE}${bar}`, `${ERASE}one\n${bar}`]);
});

test('while Tor is stuck, the bar says so, below the line that says why, until Tor goes on', () => {
  const { terminal, written } = record();
  terminal.showBootstrap(5, 'Connecting', false);
  terminal.sink('WRN the network blocks Tor\n');
  terminal.showBootstrap(5, 'Connecting', true);
  terminal.sink('INF another line\n');
  terminal.showBootstrap(14, 'Handshaking', false);
  const [before, after] = [1, 4].map((filled) => `Tor ${'█'.repeat(filled).padEnd(30, '░')}`);
  assert.deepEqual(written, [
    `${ERASE}${before} 5 % Connecting`,
    `${ERASE}WRN the network blocks Tor\n${before} 5 % Connecting`,
    `${ERASE}${before} stuck at 5 % Connecting`,
    `${ERASE}INF another line\n${before} stuck at 5 % Connecting`,
    `${ERASE}${after} 14 % Handshaking`,
  ]);
});

test('a complete or cleared bar disappears', () => {
  for (const end of ['complete', 'cleared']) {
    const { terminal, written } = record();
    terminal.showBootstrap(0, 'Starting', false);
    if (end === 'complete') terminal.showBootstrap(100, 'Done', false);
    else terminal.clear();
    terminal.sink('one\n');
    assert.deepEqual(written.slice(1), [ERASE, 'one\n'], end);
  }
});

test("Tor's bootstrap summary cannot send control characters to the terminal", () => {
  const { terminal, written } = record();
  terminal.showBootstrap(50, 'Loading\x1b[2J\u009b2J', false);
  terminal.showLine('a\x07b');
  assert.match(written[0] ?? '', /50 % Loading\ufffd\[2J\ufffd2J$/);
  assert.equal(written[1], `${ERASE}a\u{fffd}b`);
});

test('a bar is never wider than the terminal', () => {
  const { terminal, written } = record(20);
  terminal.showBootstrap(100 / 3, 'Loading', false);
  assert.equal(written[0]?.slice(ERASE.length).length, 19);
});

function record(columns = 80): { terminal: ReturnType<typeof createTerminal>; written: string[] } {
  const written: string[] = [];
  return {
    terminal: createTerminal(
      (text) => written.push(text),
      () => columns,
    ),
    written,
  };
}
