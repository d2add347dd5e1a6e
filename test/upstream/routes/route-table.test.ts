import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeName, encodeQuestion } from '../../../src/message/wire/codec.ts';
import { HEADER_BYTES } from '../../../src/message/wire/header.ts';
import { octetString } from '../../../src/message/wire/name.ts';
import { RouteTable } from '../../../src/upstream/routes/route-table.ts';

const servers = [{ host: '127.0.0.1', port: 53 }];
const TABLE = new RouteTable([
  { suffix: 'lan', zones: ['lan'], servers },
  { suffix: 'corp.example', zones: ['corp.example'], servers },
  { suffix: 'dev.corp.example', zones: ['dev.corp.example'], servers },
  { suffix: '10.0.0.0/15', zones: ['0.10.in-addr.arpa', '1.10.in-addr.arpa'], servers },
]);

const routeOf = (name: string): string | undefined =>
  TABLE.routeOf(Buffer.concat([new Uint8Array(HEADER_BYTES), encodeQuestion(name, 'A')]))?.suffix;

test('a route covers its suffix and every name below it, in any case', () => {
  for (const name of ['lan', 'LAN', 'nas.lan', 'a.b.c.LaN']) assert.equal(routeOf(name), 'lan', name);
  assert.equal(routeOf('5.1.0.10.in-addr.arpa'), '10.0.0.0/15');
  assert.equal(routeOf('5.1.1.10.in-addr.arpa'), '10.0.0.0/15');
});

test('the longest suffix wins', () => {
  assert.equal(routeOf('www.corp.example'), 'corp.example');
  assert.equal(routeOf('dev.corp.example'), 'dev.corp.example');
  assert.equal(routeOf('a.dev.corp.example'), 'dev.corp.example');
});

test('names that only resemble a suffix are not covered, nor are its ancestors and the root', () => {
  const others = ['.', 'example', 'xlan', 'lan.example', 'notcorp.example', 'corpexample', '5.2.10.in-addr.arpa'];
  for (const name of others) assert.equal(routeOf(name), undefined, name);
});

test('it tells the same of a name alone', () => {
  assert.equal(TABLE.covers(octetString(encodeName('nas.lan'))), true);
  assert.equal(TABLE.covers(octetString(encodeName('nas.example'))), false);
  assert.equal(new RouteTable([]).covers(octetString(encodeName('nas.lan'))), false);
});
