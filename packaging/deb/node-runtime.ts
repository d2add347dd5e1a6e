import process from 'node:process';
import { inCheckout } from './checkout.ts';
import { runTool } from './run-tool.ts';

/** Directory of the Node in the development dependencies, with its licence. */
const RUNTIME = `node_modules/node/node_modules/node-${process.platform}-${process.arch}`;

export const NODE_PROGRAM: string = inCheckout(RUNTIME, 'bin/node');
export const NODE_LICENSE: string = inCheckout(RUNTIME, 'LICENSE');

/** Copies a program or library without debug symbols, like dh_strip(1). */
export async function strip(path: string, to: string): Promise<void> {
  const sections = ['--remove-section=.comment', '--remove-section=.note'];
  await runTool('strip', ['--strip-unneeded', ...sections, '-o', to, path]);
}
