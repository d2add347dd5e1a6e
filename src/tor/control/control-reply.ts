/** One reply or asynchronous event of the control protocol (control-spec, "Replies from Tor to the controller"). */
export interface ControlReply {
  /** Three digits; 250 is success, 650 an event. */
  readonly status: number;
  /** The text of each line, without status and separator. Lines of data follow the text of their line, after a newline. */
  readonly lines: readonly string[];
}

/** What a reply to any command of ours may hold; the longest lists the circuits, with some 400 characters for each. */
const MAX_REPLY_CHARS = 4 * 1024 * 1024;

/** Cuts the stream from tor's control port into replies. */
export class ControlReplyParser {
  #buffered = '';
  #lines: string[] = [];
  #inData = false;
  #replyChars = 0;

  /**
   * Takes text as it came from the socket and returns the replies that it completed.
   *
   * @throws Error the stream is not the control protocol, or a reply is too long
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
      // As in SMTP, a lone dot ends the data, and a line of data that begins with a dot carries another before it.
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
