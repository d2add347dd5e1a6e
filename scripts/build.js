// `npm run build`: compiles everything to dist, whatever is there already.
import { rebuild, runScript } from './prepare.js';

await runScript(() => rebuild());
