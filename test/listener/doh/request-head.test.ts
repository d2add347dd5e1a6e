import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RequestHead, type RequestVerdict, readRequest } from '../../../src/listener/doh/request-head.ts';
import { MAX_MESSAGE_BYTES } from '../../../src/message/wire/header.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';

const QUERY = Buffer.from(buildQuery());
const TEXT = QUERY.toString('base64url');

function judge(head: Partial<RequestHead>, path = '/dns-query'): RequestVerdict {
  const none = { contentType: undefined, contentEncoding: undefined, contentLength: undefined, isFromWebPage: false };
  return readRequest({ method: 'GET', target: `/dns-query?dns=${TEXT}`, ...none, ...head }, path);
}

test('RFC 8484 §4.1.1: the query of GET and HEAD is in the variable dns, beside any others', () => {
  for (const query of [`dns=${TEXT}`, `dns=${TEXT}&ct=x`, `ct&dns=${TEXT}&x=dns=1`, `%64ns=AAAA&dns=${TEXT}`]) {
    for (const method of ['GET', 'HEAD']) {
      assert.deepEqual(judge({ method, target: `/dns-query?${query}` }), QUERY, `${method} ${query}`);
    }
  }
});

test('a missing, repeated or malformed variable is refused', () => {
  for (const query of [
    '',
    '?',
    '?dns',
    '?dns=',
    '?DNS=AAAA',
    '?xdns=AAAA',
    `?dns=${TEXT}&dns=${TEXT}`,
    // RFC 8484 §6: padding is not allowed.
    '?dns=AAA=',
    '?dns=AAA%3D',
    // The alphabet of plain base64.
    '?dns=AA+/',
    // No octets have this length in base64url.
    '?dns=AAAAA',
  ]) {
    assert.equal(judge({ target: `/dns-query${query}` }), 400, query);
  }
});

test('the longest message is accepted, and a longer one is refused without decoding it', () => {
  const longest = Buffer.alloc(MAX_MESSAGE_BYTES, 1);
  assert.deepEqual(judge({ target: `/dns-query?dns=${longest.toString('base64url')}` }), longest);
  const longer = Buffer.alloc(MAX_MESSAGE_BYTES + 1, 1).toString('base64url');
  assert.equal(judge({ target: `/dns-query?dns=${longer}` }), 413);
});

test('only the configured path is served, for all methods', () => {
  for (const target of ['/', '/dns-query/', '/dns-query/x?dns=AAAA', '/dns-quer?dns=AAAA', '*', '']) {
    for (const method of ['GET', 'POST', 'DELETE']) assert.equal(judge({ target, method }), 404, target);
  }
  assert.deepEqual(judge({ target: `/q?dns=${TEXT}` }, '/q'), QUERY);
});

test('other methods are refused', () => {
  for (const method of ['PUT', 'OPTIONS', 'DELETE', 'CONNECT', 'get']) assert.equal(judge({ method }), 405, method);
});

const POST = { method: 'POST', target: '/dns-query', contentType: 'application/dns-message' } as const;

test('RFC 9110 §8.3.1: the media type of POST ignores case and parameters', () => {
  for (const contentType of [POST.contentType, 'Application/DNS-Message', 'application/dns-message ; a=b']) {
    assert.equal(judge({ ...POST, contentType }), 'body', contentType);
  }
});

test('POST of another type or with a content coding is refused', () => {
  for (const contentType of [undefined, '', 'text/plain', 'application/dns-message+x', 'application/dns-json']) {
    assert.equal(judge({ ...POST, contentType }), 415, contentType);
  }
  for (const contentEncoding of ['gzip', 'identity, gzip', '']) {
    assert.equal(judge({ ...POST, contentEncoding }), 415, contentEncoding);
  }
  assert.equal(judge({ ...POST, contentEncoding: 'Identity' }), 'body');
});

test('a body that says that it is too large is refused before it is read', () => {
  assert.equal(judge({ ...POST, contentLength: String(MAX_MESSAGE_BYTES) }), 'body');
  assert.equal(judge({ ...POST, contentLength: String(MAX_MESSAGE_BYTES + 1) }), 413);
});

test('requests of web pages are refused, whatever they ask for', () => {
  for (const head of [{}, POST, { method: 'OPTIONS' }, { target: '/other' }]) {
    assert.equal(judge({ ...head, isFromWebPage: true }), 403);
  }
});
