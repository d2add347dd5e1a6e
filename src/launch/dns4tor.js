#!/usr/bin/env node
// JavaScript of 2019, without `?.`, `??` and `await` here: Node 12 can parse it, and ends with a sentence instead of a
// syntax error. launch.sh says the same to older ones.
const OLDEST_NODE = 24;

// Flags allowed between `node` and this file: none that open a debugger, load code, trust other authorities or write
// down what happens.
const HARMLESS = /^--(?:disable-sigusr1|heap-growing-percent=\d+|jitless|max[-_](?:old|semi)[-_]space[-_]size=\d*)$/;
// launch.sh removes them, whether or not DNS4TOR_REMOVED was set before.
const WEAKENING = ['NODE_EXTRA_CA_CERTS', 'NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_USE_SYSTEM_CA', 'OPENSSL_CONF'];

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

// As early as possible: neither a closed terminal nor somebody who sends these as requests, as to other servers, ends
// the resolver. In cloudflared's command lines, flags and `tunnel` may come before `proxy-dns`.
if (/^(?:-.*|tunnel|proxy-dns)$/.test(process.argv[2]))
  for (const signal of ['SIGHUP', 'SIGUSR2']) process.on(signal, () => {});

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
    `Node was given ${unsafe.split('=', 1)}, which could weaken the promises of dns4tor. ` +
      'Leave it out; docs/environment.md lists the flags that are allowed.',
  );
}

const options = (process.env.NODE_OPTIONS || '').split(/\s+/);
const isWeakened = WEAKENING.some((name) => process.env[name]) || options.some((flag) => flag && !HARMLESS.test(flag));
if (process.env.DNS4TOR_REMOVED === undefined || isWeakened) relaunch();
delete process.env.DNS4TOR_RELAUNCHED;
if (!process.execArgv.includes('--disable-sigusr1')) {
  end(
    EXIT_FAILURE,
    `Node ${process.versions.node} was started without --disable-sigusr1, so a signal would open its debugger to ` +
      'every user of this machine. Run the command `dns4tor`, with a Node that knows this flag.',
  );
}

hideSecrets();
nameProcess();
const Module = process.getBuiltinModule('node:module');
confinePackages();
loadMain()(process.argv.slice(2));

/**
 * Replaces the values of `--bridge` and the name after `flush` in the command line, which every user of the machine can
 * read (ps). They were visible until now, so a file, the environment or stdin is the better place for them.
 */
function hideSecrets() {
  const words = process.argv.slice(1);
  const flushAt = words.includes('proxy-dns') ? -1 : words.indexOf('flush');
  const shown = words.map((word, index) => {
    if (/^--?bridge$/.test(words[index - 1])) return '[hidden]';
    // The values of its flags are hidden as well.
    if (flushAt !== -1 && index > flushAt && /^[^-]/.test(word)) return '[hidden]';
    return word.replace(/^(--?bridge=).*/s, '$1[hidden]');
  });
  if (shown.some((word, index) => word !== words[index])) {
    process.title = [process.execPath, ...process.execArgv, ...shown].join(' ');
  }
}

/**
 * Makes ps, ss and top show `dns4tor`, where Node's main thread is called `MainThread`. Not by `process.title`, which
 * also replaces the command line and its flags.
 */
function nameProcess() {
  try {
    process.getBuiltinModule('node:fs').writeFileSync('/proc/self/comm', 'dns4tor');
  } catch {
    // No Linux, or a read-only /proc.
  }
}

/**
 * Refuses packages from outside the installation. Node would look for one that is missing (koffi and supports-color are
 * optional) in every folder above, such as /tmp/node_modules, and in ~/.node_modules.
 */
function confinePackages() {
  const { realpathSync } = process.getBuiltinModule('node:fs');
  // This file is in dist/launch there.
  const home = import.meta.dirname.replace(/(?:\/[^/]*){2}$/, '');
  const roots = [home];
  // npm may put the packages beside dns4tor; pnpm puts all of them into folders under the outermost node_modules.
  const outermost = /^.*?\/node_modules(?=\/)/.exec(home);
  if (outermost !== null) roots.push(outermost[0]);
  try {
    roots.push(realpathSync(`${home}/node_modules`));
  } catch {
    // The packages are beside dns4tor.
  }
  // oxlint-disable-next-line no-underscore-dangle -- Node documents no other way that costs no memory
  const resolve = Module._resolveFilename;
  // oxlint-disable-next-line no-underscore-dangle
  Module._resolveFilename = function (request, ...rest) {
    const path = resolve.call(this, request, ...rest);
    if (path.startsWith('/') && !roots.some((root) => path.startsWith(`${root}/`))) {
      throw Object.assign(new Error(`${request} is outside the installation`), { code: 'MODULE_NOT_FOUND' });
    }
    return path;
  };
}

function loadMain() {
  try {
    // Not `import`: it would read through the whole program for names to import, and bring the machinery for that
    // along.
    return Module.createRequire(import.meta.url)('../cli/main.cjs').main;
  } catch (error) {
    if (!/^(?:ERR_)?MODULE_NOT_FOUND$/.test(error.code)) throw error;
    end(
      EXIT_FAILURE,
      'a part of the installation is missing. Install dns4tor again; in a checkout, run `npm start` or `npm run build`.',
    );
  }
}

/** Replaces this process with launch.sh, which starts Node with the flags and environment that dns4tor needs. */
function relaunch() {
  // The process ID stays the same, so a launch.sh that does not do its work causes no endless loop.
  if (process.env.DNS4TOR_RELAUNCHED === String(process.pid)) {
    end(EXIT_FAILURE, 'launch.sh left a variable that could weaken the promises of dns4tor. Install dns4tor again.');
  }
  // Node marks every descriptor but the first three close-on-exec, so the sockets would be lost.
  if (Number(process.env.LISTEN_FDS) > 0 && Number(process.env.LISTEN_PID) === process.pid) {
    end(
      EXIT_USAGE,
      'systemd handed sockets to a Node that lacks the flags that dns4tor needs. ' +
        'Make the unit start the command `dns4tor`, not `node FILE`.',
    );
  }
  const shell = '/bin/sh';
  const launcher = `${import.meta.dirname}/launch.sh`;
  const { existsSync } = process.getBuiltinModule('node:fs');
  // Checked first, because a failing execve does not throw but ends the process.
  if (process.execve === undefined || ![shell, launcher].every((path) => existsSync(path))) {
    end(
      EXIT_FAILURE,
      'Node cannot be restarted with the flags that dns4tor needs. ' +
        'Run the command `dns4tor` instead of `node FILE`.',
    );
  }
  // After the flags of launch.sh, so that these win.
  const own = process.execArgv.filter((flag) => flag !== '--disable-sigusr1');
  process.env.DNS4TOR_RELAUNCHED = String(process.pid);
  process.execve(shell, ['sh', launcher, '--probe', process.execPath, ...own, ...process.argv.slice(1)]);
}

function end(exitCode, sentence) {
  process.stderr.write(`dns4tor: ${sentence}\n`);
  process.exit(exitCode);
}
