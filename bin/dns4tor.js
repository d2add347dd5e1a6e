#!/usr/bin/env node
// Plain JavaScript that any Node can parse: an old Node must meet a sentence here, not a syntax error.
const OLDEST_NODE = 24;

// What may stand between `node` and this file: nothing that opens a debugger, loads code, trusts others or writes down
// what happens.
const HARMLESS = /^--(?:disable-sigusr1|heap-growing-percent=\d+|jitless|max[-_](?:old|semi)[-_]space[-_]size=\d+)$/;

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

// As early as can be: neither a terminal that closes, nor who takes a signal for a request as other servers do, ends
// the resolver.
if (process.argv[2] === 'proxy-dns') for (const signal of ['SIGHUP', 'SIGUSR2']) process.on(signal, () => {});

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  end(
    EXIT_FAILURE,
    `this is Node ${process.versions.node}, but Node ${OLDEST_NODE} or newer is needed. ` +
      'Install one from https://nodejs.org, or run `npm start` in a checkout, which brings its own.',
  );
}

const unsafe = process.execArgv.find((flag) => !HARMLESS.test(flag));
if (unsafe !== undefined) {
  end(
    EXIT_USAGE,
    `Node was given ${unsafe.split('=', 1)}, with which dns4tor does not start, as it may weaken what is promised. ` +
      'Leave it out; docs/environment.md says which flags are taken.',
  );
}

if (process.env.DNS4TOR_REMOVED === undefined) relaunch();
if (!process.execArgv.includes('--disable-sigusr1')) {
  end(
    EXIT_FAILURE,
    `this Node, ${process.versions.node}, has to be started with --disable-sigusr1: otherwise a signal opens its ` +
      'debugger to every user of this machine. Start the command `dns4tor` instead, with a Node that knows the flag.',
  );
}

// Not `import`: it would read through the whole program for names to import, and bring the machinery for that along.
const { createRequire } = process.getBuiltinModule('node:module');
const { main } = createRequire(import.meta.url)('../dist/cli/main.cjs');
await main(process.argv.slice(2));

/** Gives this process to launch.sh, which starts Node anew as it has to be. */
function relaunch() {
  // Node has marked every descriptor but the first three to be closed when a process becomes another program.
  if (Number(process.env.LISTEN_FDS) > 0 && Number(process.env.LISTEN_PID) === process.pid) {
    end(
      EXIT_USAGE,
      'sockets were handed over to a Node that was started without the flags that dns4tor needs. ' +
        'Have the unit start the command `dns4tor`, not node with a file.',
    );
  }
  const shell = '/bin/sh';
  const launcher = `${import.meta.dirname}/launch.sh`;
  const { existsSync } = process.getBuiltinModule('node:fs');
  // Asked before, for execve does not throw: where it fails, it ends the process.
  if (process.execve === undefined || ![shell, launcher].every((path) => existsSync(path))) {
    end(
      EXIT_FAILURE,
      'Node cannot be started anew with the flags that dns4tor needs. ' +
        'Start the command `dns4tor` instead of node with a file.',
    );
  }
  // Behind those of launch.sh, and so the stronger.
  const own = process.execArgv.filter((flag) => flag !== '--disable-sigusr1');
  process.execve(shell, ['sh', launcher, '--probe', process.execPath, ...own, ...process.argv.slice(1)]);
}

function end(exitCode, sentence) {
  process.stderr.write(`dns4tor: ${sentence}\n`);
  process.exit(exitCode);
}
