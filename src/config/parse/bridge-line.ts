import { isIP, isIPv6 } from 'node:net';
import { ZONE } from '../../lib/ip-address.ts';
import { Bridge, type BridgeParts, VANILLA } from '../../model/bridge.ts';
import type { Parsed, Problem } from '../config-problem.ts';

/** Tor's limit for the arguments (below) leaves 500 characters for the other fields, which need 110. */
const MAX_LINE_LENGTH = 1024;
/** Tor passes the arguments as user name and password of a SOCKS5 request, 255 bytes each (RFC 1929 §2). */
const MAX_ARGS_BYTES = 510;
/** tor(1): a C identifier, also for the names in `ClientTransportPlugin`. */
const TRANSPORT = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ADDRESS = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/;
const FINGERPRINT = /^[0-9A-Fa-f]{40}$/;
const ARGUMENT = /^[^=]+=./;
/** Node ID and public key, 52 bytes, in base64 without padding (obfs4-spec, "Protocol Usage"). */
const OBFS4_CERT = /^[A-Za-z0-9+/]{70}$/;
/** What a torrc or Tor could take for something else: quotes, escapes and comments. */
const RESERVED = /["'\\#]/;

const COPY_AGAIN = 'copy the whole line again';

/** Checks the arguments of a transport that dns4tor knows. */
const ARGUMENT_CHECKS: Readonly<Record<string, (args: ReadonlyMap<string, string>) => Problem | undefined>> = {
  obfs4: obfs4Problem,
  meek_lite: urlProblem,
  webtunnel: urlProblem,
  snowflake: snowflakeProblem,
};

/** Whether the text can be the name of a pluggable transport. */
export function isTransportName(text: string): boolean {
  return TRANSPORT.test(text);
}

/** Whether a word of the text is an IP address with a port, as in a bridge line. */
export function holdsBridgeAddress(text: string): boolean {
  return text.split(/\s+/).some((word) => 'value' in parseAddress(word));
}

/**
 * Parses `[transport] IP:port [fingerprint] [key=value …]`, with or without the word `Bridge` in front. Problems never
 * quote the line, because it is secret. Whether there is a program for the transport is checked later.
 */
export function parseBridgeLine(text: string): Parsed<Bridge> {
  const form = formProblem(text);
  if (form !== undefined) return form;
  const words = text.trim().split(/\s+/);
  if (words.length > 1 && words[0]?.toLowerCase() === 'bridge') words.shift();
  const transport = isTransportName(words[0] ?? '') ? (words.shift() ?? '') : VANILLA;
  const address = parseAddress(words.shift() ?? '');
  if ('problem' in address) return address;
  const fingerprint = words[0]?.includes('=') === false ? words.shift() : undefined;
  if (fingerprint !== undefined && !FINGERPRINT.test(fingerprint)) {
    return { problem: 'the fingerprint is not 40 hexadecimal digits', remedy: COPY_AGAIN };
  }
  const problem = argumentProblem(transport, words);
  return problem ?? { value: new Bridge({ transport, ...address.value, fingerprint, args: words }) };
}

function formProblem(text: string): Problem | undefined {
  if (text.length > MAX_LINE_LENGTH) {
    return {
      problem: `the bridge line is longer than ${MAX_LINE_LENGTH} characters`,
      remedy: 'give one bridge a line',
    };
  }
  if (/[^\t\x20-\x7e]/.test(text)) {
    return {
      problem: 'the bridge line holds a control character, or one that is not ASCII',
      remedy: 'copy the line again, as plain text',
    };
  }
  if (RESERVED.test(text)) {
    return { problem: 'the bridge line holds a quote, a backslash or #', remedy: 'give the line without them' };
  }
  return undefined;
}

function parseAddress(word: string): Parsed<Pick<BridgeParts, 'host' | 'port'>> {
  const example = 'write IP:port, or [IPv6]:port, after the transport';
  // An IPv6 address without brackets also ends with digits after a colon.
  if (isIPv6(word)) return { problem: 'the IPv6 address of the bridge has no brackets', remedy: example };
  const [, v6, v4, portText] = ADDRESS.exec(word) ?? [];
  const host = v6 ?? v4 ?? '';
  if (isIP(host) !== (v6 === undefined ? 4 : 6) || host.includes(ZONE)) {
    return { problem: 'the bridge line has no IP address with a port where it belongs', remedy: example };
  }
  const port = Number(portText);
  if (port < 1 || port > 65_535) return { problem: 'the port of the bridge is not 1 to 65535', remedy: COPY_AGAIN };
  return { value: { host, port } };
}

function argumentProblem(transport: string, args: readonly string[]): Problem | undefined {
  if (transport === VANILLA && args.length > 0) {
    return {
      problem: 'text follows the fingerprint, but a bridge without a transport has no arguments',
      remedy: 'begin the line with the name of the transport, such as obfs4',
    };
  }
  const number = args.findIndex((arg) => !ARGUMENT.test(arg)) + 1;
  if (number > 0) return { problem: `argument ${number} of the bridge is not key=value`, remedy: COPY_AGAIN };
  // Tor joins them with semicolons, and puts a backslash before each semicolon and backslash.
  const bytes = args.join(';').length + args.join('').split(';').length - 1;
  if (bytes > MAX_ARGS_BYTES) {
    return {
      problem: `the arguments of the bridge have ${bytes} bytes; tor takes at most ${MAX_ARGS_BYTES}`,
      remedy: 'remove names from fronts= or ice=',
    };
  }
  const values = new Map(args.map((arg) => [arg.slice(0, arg.indexOf('=')), arg.slice(arg.indexOf('=') + 1)]));
  return Object.hasOwn(ARGUMENT_CHECKS, transport) ? ARGUMENT_CHECKS[transport]?.(values) : undefined;
}

function obfs4Problem(args: ReadonlyMap<string, string>): Problem | undefined {
  if (!OBFS4_CERT.test(args.get('cert') ?? '')) {
    const problem = args.has('cert')
      ? 'cert= of the obfs4 bridge is not 70 characters of base64'
      : 'the obfs4 bridge has no cert=';
    return { problem, remedy: COPY_AGAIN };
  }
  const iatMode = args.get('iat-mode');
  if (iatMode === undefined) return { problem: 'the obfs4 bridge has no iat-mode=', remedy: 'add iat-mode=0' };
  if (/^[012]$/.test(iatMode)) return undefined;
  return { problem: 'iat-mode= of the obfs4 bridge is not 0, 1 or 2', remedy: COPY_AGAIN };
}

function snowflakeProblem(args: ReadonlyMap<string, string>): Problem | undefined {
  // Seen with snowflake-client 2.5.1: without ice=, it crashes on the first connection.
  if (!args.has('ice'))
    return { problem: 'the snowflake bridge has no ice=, a list of STUN servers', remedy: COPY_AGAIN };
  // Newer clients can also reach the broker over a queue of Amazon SQS.
  return args.has('sqsqueue') ? undefined : urlProblem(args);
}

function urlProblem(args: ReadonlyMap<string, string>): Problem | undefined {
  const url = args.get('url');
  if (url === undefined) return { problem: 'the bridge has no url=, which its transport needs', remedy: COPY_AGAIN };
  const protocol = URL.parse(url)?.protocol;
  if (protocol === 'https:' || protocol === 'http:') return undefined;
  return { problem: 'url= of the bridge is not an https:// URL', remedy: COPY_AGAIN };
}
