import type { NetworkNamespace } from '../fixtures/namespace/network-namespace.ts';

const FETCH = `
const response = await fetch(process.argv[1]);
process.stdout.write(response.status + '\\n' + (await response.text()));
`;

/** Fetches a page from a server in a namespace. */
export async function fetchIn(
  namespace: NetworkNamespace,
  url: string,
): Promise<{ readonly status: number; readonly body: string }> {
  const [status, ...lines] = (await namespace.run(process.execPath, '--input-type=module', '--eval', FETCH, url)).split(
    '\n',
  );
  return { status: Number(status), body: lines.join('\n') };
}
