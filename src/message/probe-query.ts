import { encodeQuestion } from './wire/codec.ts';
import { buildUpstreamQuery } from './upstream-query.ts';

/** What a resolver is asked only to see whether it answers. The same for everybody, so that it says nothing about anybody: the root's name servers. */
export const PROBE_QUERY: Uint8Array = buildUpstreamQuery(encodeQuestion('.', 'NS'), false, false);
