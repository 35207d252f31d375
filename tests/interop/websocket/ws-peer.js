// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The npm module "ws" as a peer. The first word says what to do, the second
// where; a server takes any free port and says which.
//
//   ws-peer.js ROLE server [CERT KEY]
//   ws-peer.js ROLE client URL [COUNT]
//
// ROLE echo: send everything back, on COUNT connections in turn.
// ROLE exercise: send messages of all kinds to an echo peer, whole and in
// fragments, with pings between them, and check what comes back, once.
'use strict';
const assert = require('assert');
const fs = require('fs');
const http = require('http');
const https = require('https');
const WebSocket = require('ws');

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
process.removeAllListeners('warning');
// Its limits on fragments and pings are no part of the protocol.
const limits = { maxPayload: 64 << 20, maxFragments: 0,
  maxPendingAutoPongs: 0, perMessageDeflate: false };
const fragment = 10007;

function echo(socket) {
  socket.on('message', (data, isBinary) => {
    socket.send(data, { binary: isBinary });
  });
  socket.on('error', () => {});
}

// ---- an exercise for the other side ----

function once(socket, event) {
  return new Promise((resolve, reject) => {
    socket.once(event, (...what) => resolve(what));
    socket.once('error', reject);
  });
}

async function whole(socket, data, binary) {
  const answer = once(socket, 'message');
  socket.send(data, { binary });
  const [back, isBinary] = await answer;
  assert.strictEqual(isBinary, binary);
  assert(back.equals(data));
}

async function inFragments(socket, data, binary) {
  const pongs = [];
  const listen = (body) => pongs.push(body.toString());
  const answer = once(socket, 'message');
  let pings = 0;

  socket.on('pong', listen);
  for (let at = 0; at < data.length; at += fragment) {
    socket.send(data.subarray(at, at + fragment),
      { binary, fin: at + fragment >= data.length });
    socket.ping(`${++pings}`);
  }
  const [back, isBinary] = await answer;
  assert.strictEqual(isBinary, binary);
  assert(back.equals(data));
  while (pongs[pongs.length - 1] !== `${pings}`) {
    await once(socket, 'pong');
  }
  socket.off('pong', listen);
}

async function exercise(socket) {
  const text = Buffer.from('Grüße, κόσμε \u{1f980}\n'.repeat(20000));
  const bytes = Buffer.alloc(3 << 20, Uint8Array.from({ length: 65521 },
    (_, i) => i * i >> 3));

  for (const binary of [true, false]) {
    const data = binary ? bytes : text;
    await whole(socket, Buffer.alloc(0), binary);
    await whole(socket, data.subarray(0, 7), binary);
    await whole(socket, data, binary);
    await inFragments(socket, data, binary);
  }
  const pong = once(socket, 'pong');
  socket.ping('alone');
  assert.strictEqual((await pong)[0].toString(), 'alone');

  const closed = once(socket, 'close');
  socket.close(4321, 'exercised');
  const [code] = await closed;
  assert.strictEqual(code, 4321);
}

function judge(socket) {
  exercise(socket).then(() => {
    console.log('exercised');
    process.exit(0);
  }, (e) => {
    console.error(e);
    process.exit(1);
  });
}

// ---- which side we are ----

function plain(request, answer) {
  answer.writeHead(426);
  answer.end();
}

function server(use, cert, key) {
  const web = cert
    ? https.createServer({ cert: fs.readFileSync(cert),
      key: fs.readFileSync(key) }, plain)
    : http.createServer(plain);
  new WebSocket.Server({ server: web, ...limits }).on('connection', use);
  web.listen(0, '127.0.0.1', () => {
    console.log(`listening on ws${cert ? 's' : ''}://127.0.0.1:` +
      web.address().port + '/');
  });
}

function client(use, url, count) {
  // It does not take "none of them" for an answer.
  const socket = new WebSocket(url, use === echo ? [] : 'binary', limits);
  let refused = false;

  socket.on('error', (e) => { refused = e.code === 'ECONNREFUSED'; });
  socket.on('close', () => {
    if (count > 1 && !refused) {
      setImmediate(client, use, url, count - 1);
    }
  });
  if (use === echo) {
    echo(socket);
  } else {
    once(socket, 'open').then(() => {
      assert.strictEqual(socket.protocol, 'binary');
      use(socket);
    }, (e) => { throw e; });
  }
}

const [role, side, ...rest] = process.argv.slice(2);
const use = role === 'exercise' ? judge : echo;
if (side === 'server') {
  server(use, ...rest);
} else {
  client(use, rest[0], Number(rest[1] || 1));
}
