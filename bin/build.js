// `npm run build`: compiles everything to dist, whatever is there already.
import { compile, runScript } from './prepare.js';

await runScript(() => compile());
