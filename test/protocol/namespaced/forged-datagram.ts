import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** Sends a datagram from a port of 127.0.0.1 that cannot be bound: port 0, or one in use. */
export async function sendForged(sourcePort: number, destinationPort: number, message: Uint8Array): Promise<void> {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'message');
  await writeFile(path, message);
  const from = ['-I', 'lo', '-k', '-s', String(sourcePort)];
  const payload = ['-E', path, '-d', String(message.length)];
  const to = ['-p', String(destinationPort), '127.0.0.1'];
  const args = ['-2', '-c', '1', ...from, ...payload, ...to];
  await using hping = await startProcess(await findProgram('hping3'), args);
  // It waits for a reply in vain, so its exit status says nothing.
  await hping.ended;
  if (!hping.output.includes('1 packets transmitted')) throw new Error(`hping3 sent nothing: ${hping.output}`);
}
