import type { TransportProgram } from '../../model/bridge.ts';
import { type Parsed, refuse } from '../config-problem.ts';
import { checkTransportProgram } from '../files.ts';
import { isTransportName } from './bridge-line.ts';

/** Parses `--transport name=/path`. Checks that tor could start the program, and that nobody else could replace it. */
export function parseTransportProgram(text: string): Parsed<TransportProgram> {
  const transport = text.slice(0, Math.max(0, text.indexOf('=')));
  if (!isTransportName(transport)) {
    return refuse(text, 'does not begin with the name of a transport and =', 'write name=/path');
  }
  const path = checkTransportProgram(text.slice(transport.length + 1));
  return 'problem' in path ? path : { value: { transport, path: path.value } };
}
