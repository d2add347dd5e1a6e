/** One reply or asynchronous event of the control protocol (control-spec, "Replies from Tor to the controller"). */
export interface ControlReply {
  /** Three digits; 250 is success, 650 an event. */
  readonly status: number;
  /**
   * Text of each line, without status code and separator. Data lines are appended to their line, each after a newline.
   */
  readonly lines: readonly string[];
}

/** Bound on a reply. The longest lists the circuits, with some 400 characters each. */
const MAX_REPLY_CHARS = 4 * 1024 * 1024;

/** Splits the stream from Tor's control port into replies. */
export class ControlReplyParser {
  #buffered = '';
  #lines: string[] = [];
  #inData = false;
  #replyChars = 0;

  /**
   * Adds received text and returns the replies that it completes.
   *
   * @throws Error the stream does not follow the control protocol, or a reply is too long
   */
  push(text: string): ControlReply[] {
    const lines = (this.#buffered + text).split('\r\n');
    this.#buffered = lines.pop() ?? '';
    const replies = lines.map((line) => this.#line(line)).filter((reply) => reply !== undefined);
    if (this.#replyChars + this.#buffered.length > MAX_REPLY_CHARS) throw new Error('reply too long');
    return replies;
  }

  #line(line: string): ControlReply | undefined {
    this.#replyChars += line.length;
    if (this.#inData) {
      // Dot-stuffing, as in SMTP: a lone dot ends the data, and a leading dot is doubled.
      if (line === '.') this.#inData = false;
      else this.#lines.push(`${this.#lines.pop() ?? ''}\n${line.startsWith('.') ? line.slice(1) : line}`);
      return undefined;
    }
    const [, status, separator, rest] = /^(\d{3})([-+ ])(.*)$/s.exec(line) ?? [];
    if (status === undefined || rest === undefined) throw new Error('not a reply of the control protocol');
    this.#lines.push(rest);
    this.#inData = separator === '+';
    if (separator !== ' ') return undefined;
    const reply = { status: Number(status), lines: this.#lines };
    this.#lines = [];
    this.#replyChars = 0;
    return reply;
  }
}

const QUOTED_STRING = /"((?:[^"\\]|\\.)*)"/g;
const ESCAPE = /\\([0-7]{1,3}|.)/g;
const ESCAPED_LETTERS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Decodes all quoted strings of a reply line (control-spec, "Notes on an escaping bug"). */
export function quotedStrings(line: string): string[] {
  return [...line.matchAll(QUOTED_STRING)].map(([, text = '']) => {
    const bytes = text.replaceAll(ESCAPE, (_escape, escaped: string) =>
      /^[0-7]/.test(escaped) ? String.fromCharCode(Number.parseInt(escaped, 8)) : (ESCAPED_LETTERS[escaped] ?? escaped),
    );
    // Tor escapes every byte that is not printable ASCII in octal, including the bytes of UTF-8 characters.
    return Buffer.from(bytes, 'latin1').toString();
  });
}
