// `npm run build`: rebuilds dist.
import { rebuild, runScript } from './prepare.js';

await runScript(() => rebuild());
