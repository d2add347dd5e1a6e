import process from 'node:process';
import { inCheckout } from './checkout.ts';
import { runTool } from './run-tool.ts';

/** Where npm has put the Node of the development dependencies for this system, with its licence beside it. */
const RUNTIME = `node_modules/node/node_modules/node-${process.platform}-${process.arch}`;

export const NODE_PROGRAM: string = inCheckout(RUNTIME, 'bin/node');
export const NODE_LICENSE: string = inCheckout(RUNTIME, 'LICENSE');

/** Takes out of a copy of a program or library what only debuggers read, as dh_strip(1) does. */
export async function strip(path: string, to: string): Promise<void> {
  const sections = ['--remove-section=.comment', '--remove-section=.note'];
  await runTool('strip', ['--strip-unneeded', ...sections, '-o', to, path]);
}
