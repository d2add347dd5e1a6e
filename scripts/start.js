// `npm start`: installs tor if it is missing, builds, and answers DNS queries through Tor on an unprivileged port.
// Arguments after `--` go to `dns4tor proxy-dns`.
import { requireFreePort } from './free-port.js';
import { build, installPackages, installPrograms, runDns4tor, runScript } from './prepare.js';

// Both families, as `proxy-dns` and `check` without --address.
const ADDRESS = 'localhost';
const PORT = '5053';

await runScript(async () => {
  const extra = process.argv.slice(2);
  const args = ['proxy-dns', '--address', ADDRESS, '--port', PORT, ...extra];
  await requireFreePort(args);
  installPackages();
  installPrograms(['tor']);
  build();
  if (!extra.some((argument) => /^--?(address|port|check|help)\b/.test(argument))) {
    process.stderr.write(`Once it says that answers come through Tor, try: dig @${ADDRESS} -p ${PORT} example.com\n`);
  }
  return runDns4tor(args);
});
