import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Screen, type ScreenProcess } from '../../../src/cli/output/screen.ts';

const LEAVE = '\x1b[?25h\x1b[?1049l';

interface Rig {
  readonly process: ScreenProcess & EventEmitter;
  readonly keys: EventEmitter;
  readonly terminal: EventEmitter & { rows: number };
  readonly written: string[];
  isRaw: boolean;
}

/** A `process` on a terminal of 70 columns and 4 rows. */
function createRig(): Rig {
  const written: string[] = [];
  const keys = new EventEmitter();
  const terminal = Object.assign(new EventEmitter(), { columns: 70, rows: 4 });
  const rig = {
    keys,
    terminal,
    written,
    isRaw: false,
    process: Object.assign(new EventEmitter(), {
      stdin: Object.assign(keys, {
        isTTY: true,
        setRawMode(isRaw: boolean) {
          rig.isRaw = isRaw;
          return keys;
        },
        resume: () => keys,
        pause: () => keys,
      }),
      stdout: Object.assign(terminal, {
        write(text: string) {
          written.push(text);
          return true;
        },
      }),
    }) as unknown as ScreenProcess & EventEmitter,
  };
  return rig;
}

test('lines that do not fit are left out, the footer stays, and a new size is drawn at once', () => {
  const rig = createRig();
  using screen = new Screen(rig.process);
  screen.draw(['one', 'two', 'three', 'four'], 'footer');
  assert.equal(rig.written.at(-1), '\x1b[Hone\x1b[K\r\ntwo\x1b[K\r\nthree\x1b[K\r\nfooter\x1b[K\x1b[J');
  rig.terminal.rows = 2;
  rig.terminal.emit('resize');
  assert.equal(rig.written.at(-1), '\x1b[Hone\x1b[K\r\nfooter\x1b[K\x1b[J');
});

test('quit keys and signals end it, a signal with its own exit code, and no listener is left', () => {
  for (const [event, expected] of [
    ['q', 0],
    ['\x03', 0],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const rig = createRig();
    const screen = new Screen(rig.process);
    rig.keys.emit('data', Buffer.from('x'));
    assert.equal(screen.signal.aborted, false);
    if (event.startsWith('SIG')) rig.process.emit(event, event);
    else rig.keys.emit('data', Buffer.from(event));
    assert.equal(screen.signal.aborted, true);
    assert.equal(screen.exitCode, expected);
    screen[Symbol.dispose]();
    assert.equal(rig.isRaw, false);
    assert.equal(rig.written.at(-1), LEAVE);
    for (const emitter of [rig.process, rig.keys, rig.terminal]) assert.deepEqual(emitter.eventNames(), []);
  }
});

test('any other exit restores the terminal once, before a defect is reported', () => {
  const rig = createRig();
  const screen = new Screen(rig.process);
  assert.equal(rig.isRaw, true);
  rig.process.emit('uncaughtExceptionMonitor', new Error('a defect'));
  assert.equal(rig.written.at(-1), LEAVE);
  rig.process.emit('exit', 70);
  screen[Symbol.dispose]();
  assert.equal(rig.isRaw, false);
  assert.deepEqual(
    rig.written.filter((text) => text === LEAVE),
    [LEAVE],
  );
});
