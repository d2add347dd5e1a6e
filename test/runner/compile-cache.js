// Loaded before each test file: keeps what V8 compiles and Node strips of types, which 350 processes would repeat. Set
// here and not by NODE_COMPILE_CACHE, which the programs that a test starts would inherit.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/dns4tor/tests', import.meta.url)));
