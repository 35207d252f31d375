# SPDX-License-Identifier: LGPL-2.1-or-later
"""The opening handshake: what must be accepted, what must be refused."""
import time

import wsopen
from wscase import Cases, Failed
from wswire import Late, Violation

server = Cases('opening')
client = Cases('opening')


# ---- a server is asked ----

def accepted(chop=None, offered=(), **change):
    def run(p):
        key = wsopen.new_key()
        p.wire.send(wsopen.request(p.url, key, **change), chop)
        wsopen.check_upgrade(*wsopen.read_answer(p.wire), key, offered)
        p.echo(2, b'open')
        p.finish()
    return run


def declined(*statuses, must=None, **change):
    """Refused with one of these, or with another 4xx, or by hanging up."""
    def run(p):
        ask = wsopen.request(p.url, wsopen.new_key(), **change)
        p.wire.send(ask)
        try:
            status, fields = wsopen.read_answer(p.wire)
        except Late:
            raise Failed('neither answers nor hangs up') from None
        if status is None:
            p.note('hangs up without an answer')
        elif status == 101:
            raise Failed('accepts it')
        elif must and must not in fields:
            raise Failed('%d without %s' % (status, must))
        elif status not in statuses:
            if not 400 <= status < 500:
                raise Failed('status %d' % status)
            p.note('status %d instead of %d' % (status, statuses[0]))
        p.again().finish()
    return run


def add(name, where, run):
    server.add('server-' + name, where, run, side='server', raw=True)


add('plain', '4.2.2', accepted())
add('chopped', '4.2.1', accepted(chop=1))
add('chopped-7', '4.2.1', accepted(chop=7))
add('case-of-values', '4.2.1', accepted(Upgrade='WebSocket',
                                        Connection='upgrade'))
add('case-of-names', '4.2.1', accepted(
    Upgrade=None, Connection=None,
    raw='uPGRADE: websocket\r\nCONNECTION: Upgrade\r\n'))
add('connection-list', '4.2.1', accepted(Connection='keep-alive, Upgrade'))
add('connection-twice', '4.2.1', accepted(Connection=['keep-alive',
                                                      'Upgrade']))
add('no-space-after-colon', 'RFC 7230 3.2', accepted(
    Upgrade=None, raw='Upgrade:websocket\r\n'))
add('much-space-around-value', 'RFC 7230 3.2', accepted(
    Upgrade=None, raw='Upgrade: \t websocket \t \r\n'))
add('more-fields', '4.1', accepted(
    User_Agent='conformance (qio; "x")', Accept='*/*', Cookie='a=b; c=d',
    Cache_Control='no-cache', Pragma='no-cache', X_Empty=''))
add('query', '4.2.1', accepted(line='GET /?case=1&x=%20 HTTP/1.1'))
add('unknown-extension', '9.1', accepted(
    Sec_WebSocket_Extensions='x-nobody-knows; a=1, x-other'))
add('extensions-twice', '9.1', accepted(
    Sec_WebSocket_Extensions=['x-nobody-knows', 'x-other; b="c"']))
add('version-12', '4.2.2', declined(426, 400, must='sec-websocket-version',
                                    Sec_WebSocket_Version='12'))
add('version-0', '4.2.2', declined(426, 400, must='sec-websocket-version',
                                   Sec_WebSocket_Version='0'))
add('no-version', '4.2.1', declined(426, 400, Sec_WebSocket_Version=None))
add('no-key', '4.2.1', declined(400, Sec_WebSocket_Key=None))
add('empty-key', '4.2.1', declined(400, Sec_WebSocket_Key=''))
add('short-key', '4.2.1', declined(
    400, Sec_WebSocket_Key='QUFBQUFBQUFBQUFBQUFB'))
add('long-key', '4.2.1', declined(
    400, Sec_WebSocket_Key='QUFBQUFBQUFBQUFBQUFBQUFBQUFB'))
add('key-not-base64', '4.2.1', declined(
    400, Sec_WebSocket_Key='????????????????????????'))
add('no-upgrade', '4.2.1', declined(400, 426, Upgrade=None))
add('other-upgrade', '4.2.1', declined(400, 426, Upgrade='h2c'))
add('no-connection', '4.2.1', declined(400, 426, Connection=None))
add('connection-close', '4.2.1', declined(400, 426, Connection='close'))
add('no-host', 'RFC 7230 5.4', declined(400, Host=None))
add('post', '4.2.1', declined(405, 400, 501, line='POST / HTTP/1.1'))
add('http-1.0', '4.2.1', declined(400, 426, 505, line='GET / HTTP/1.0'))
add('no-http', '4.2.1', declined(400, 505, line='GET / GOPHER/7'))
add('one-word', 'RFC 7230 3.1.1', declined(400, 501, line='GET'))
add('too-many-fields', 'RFC 7230 3.2.5', declined(
    431, 400, 413, X_Much=['x'] * 10000))
add('too-long-field', 'RFC 7230 3.2.5', declined(
    431, 400, 413, X_Long='x' * 1000000))
add('too-long-path', 'RFC 7230 3.1.1', declined(
    414, 400, 413, 431, line='GET /%s HTTP/1.1' % ('x' * 1000000)))


@server.case('server-known-key', '1.3', side='server', raw=True)
def _known_key(p):
    """The example that the RFC gives."""
    p.wire.send(wsopen.request(p.url, b'dGhlIHNhbXBsZSBub25jZQ=='))
    status, fields = wsopen.read_answer(p.wire)
    if fields.get('sec-websocket-accept') != ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']:
        raise Failed('status %s, Sec-WebSocket-Accept %s' % (
            status, fields.get('sec-websocket-accept')))
    p.finish()


@server.case('server-frame-with-request', '4.1', side='server', raw=True)
def _with_request(p):
    """A client should wait, but bytes behind the head are bytes, too."""
    key = wsopen.new_key()
    p.wire.send(wsopen.request(p.url, key) + p.binary(b'already here') +
                p.ping(b'me too'))
    wsopen.check_upgrade(*wsopen.read_answer(p.wire), key)
    p.expect_mixed([('binary', b'already here')], [b'me too'])
    p.finish()


@server.case('server-unknown-protocol', '4.2.2', side='server', raw=True)
def _unknown_protocol(p):
    """Refused, or accepted without any; never with one not offered."""
    key = wsopen.new_key()
    p.wire.send(wsopen.request(
        p.url, key, Sec_WebSocket_Protocol='x-nobody-knows, x-other'))
    status, fields = wsopen.read_answer(p.wire)
    if status is not None and 400 <= status < 500:
        return
    wsopen.check_upgrade(status, fields, key, ('x-nobody-knows', 'x-other'))
    p.echo(2, b'open')
    p.finish()


@server.case('server-rubbish', 'RFC 7230 3', side='server', raw=True)
def _rubbish(p):
    p.wire.send(b'\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n\r\n' * 10)
    try:
        status, _ = wsopen.read_answer(p.wire)
    except Late:
        raise Failed('neither answers nor hangs up') from None
    except Violation:
        status = None
    if status is not None and not 400 <= status <= 505:
        raise Failed('status %d' % status)
    p.again().finish()


@server.case('server-silent-cut', '4.2', side='server', raw=True)
def _silent(p):
    """Gone in the middle of the head, or before it."""
    p.wire.send(wsopen.request(p.url, wsopen.new_key())[:50])
    p.wire.close()
    p.again().finish()


# ---- a client is answered ----

def welcomed(chop=None, **change):
    def run(p):
        _, _, key = wsopen.read_request(p.wire)
        p.wire.send(wsopen.response(key, **change), chop)
        p.echo(2, b'open')
        p.finish()
    return run


def distrusted(**change):
    """It MUST fail the connection, and sends no frame before it does."""
    def run(p):
        _, _, key = wsopen.read_request(p.wire)
        p.wire.send(wsopen.response(key, **change))
        hangs_up(p)
    return run


def hangs_up(p):
    deadline = time.monotonic() + p.patience
    try:
        while p.wire.fill(deadline):
            pass
    except Late:
        raise Failed('goes on') from None
    # A Close frame is harmless, and pointless; data is neither.
    if p.wire.held and p.wire.held[0] != 0x88:
        raise Failed('sends %r' % bytes(p.wire.held[:40]))
    if p.wire.held:
        p.note('sends a Close frame to one that did not upgrade')


def add_client(name, where, run):
    client.add('client-' + name, where, run, side='client', raw=True)


add_client('plain', '4.1', welcomed())
add_client('chopped', '4.1', welcomed(chop=1))
add_client('case-of-values', '4.1', welcomed(Upgrade='WebSocket',
                                             Connection='upgrade'))
add_client('case-of-names', '4.1', welcomed(
    Upgrade=None, Connection=None,
    raw='uPGRADE: websocket\r\nCONNECTION: Upgrade\r\n'))
add_client('other-reason', '4.1', welcomed(
    line='HTTP/1.1 101 Web Socket Protocol Handshake'))
add_client('more-fields', '4.1', welcomed(
    Server='x', Date='Thu, 01 Jan 1970 00:00:00 GMT', X_Empty=''))
add_client('much-space-around-value', 'RFC 7230 3.2', welcomed(
    Upgrade=None, raw='Upgrade: \t websocket \t \r\n'))
add_client('wrong-accept', '4.1', distrusted(
    Sec_WebSocket_Accept='s3pPLMBiTxaQ9kYGzzhZRbK+xOo='))
add_client('no-accept', '4.1', distrusted(Sec_WebSocket_Accept=None))
add_client('no-upgrade', '4.1', distrusted(Upgrade=None))
add_client('other-upgrade', '4.1', distrusted(Upgrade='h2c'))
add_client('no-connection', '4.1', distrusted(Connection=None))
add_client('connection-close', '4.1', distrusted(Connection='close'))
add_client('unasked-extension', '4.1', distrusted(
    Sec_WebSocket_Extensions='x-nobody-knows'))
add_client('unasked-protocol', '4.1', distrusted(
    Sec_WebSocket_Protocol='x-nobody-knows'))
for line in ('200 OK', '404 Not Found', '500 Internal Server Error'):
    add_client('status-' + line[:3], '4.1', distrusted(
        line='HTTP/1.1 ' + line, Content_Length='0'))
add_client('no-http', '4.1', distrusted(line='ICY 101 Switching Protocols'))


@client.case('client-frame-with-answer', '4.1', side='client', raw=True)
def _with_answer(p):
    """A server may speak at once, in the same segment."""
    _, _, key = wsopen.read_request(p.wire)
    p.wire.send(wsopen.response(key) + p.binary(b'already here') +
                p.ping(b'me too'))
    p.expect_mixed([('binary', b'already here')], [b'me too'])
    p.finish()


@client.case('client-other-keys', '4.1', side='client', raw=True)
def _other_keys(p):
    """The nonce is chosen anew for each connection."""
    _, _, first = wsopen.read_request(p.wire)
    p.wire.send(wsopen.response(first))
    p.finish()
    again = p.again()
    if again.key == first:
        raise Failed('the key of the connection before')
    again.finish()


@client.case('client-endless-head', '4.1', side='client', raw=True)
def _endless(p):
    """No client reads headers without any limit."""
    wsopen.read_request(p.wire)
    field = b'X-Much: ' + b'x' * 1000 + b'\r\n'
    p.wire.send(b'HTTP/1.1 101 Switching Protocols\r\n' + field * 4000)
    hangs_up(p)


@client.case('client-silent-cut', '4.1', side='client', raw=True)
def _cut_answer(p):
    _, _, key = wsopen.read_request(p.wire)
    p.wire.send(wsopen.response(key)[:50])
    p.wire.close()
    p.again().finish()


SECTIONS = [server, client]
