# SPDX-License-Identifier: LGPL-2.1-or-later
"""The opening handshake (RFC 6455 section 4), both roles, as right or as wrong
as a case wants it."""
import base64
import hashlib
import os

from wscase import Failed
from wswire import Late, Violation

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


def accept_for(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def parse_head(head):
    """First line, and the fields as a dict of lists, names in lower case."""
    lines = head[:-4].split(b'\r\n')
    fields = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b':')
        if not colon or name != name.strip() or not name:
            raise Violation('a header field without a name: %r' % line)
        fields.setdefault(name.lower().decode('latin-1'), []).append(
            value.strip().decode('latin-1'))
    return lines[0].decode('latin-1'), fields


def tokens(fields, name):
    return [token.strip().lower() for value in fields.get(name, [])
            for token in value.split(',')]


def request(url, key, **change):
    """A client's request. change: fields by name with _ for -, as a value, as a
    list of values, or None to leave one out; line: the first line."""
    fields = {
        'Host': url.netloc,
        'Upgrade': 'websocket',
        'Connection': 'Upgrade',
        'Sec-WebSocket-Key': key.decode('latin-1'),
        'Sec-WebSocket-Version': '13',
    }
    return _head(change.pop('line', 'GET %s HTTP/1.1' % url.path), fields,
                 change)


def response(key, **change):
    """A server's answer; as request()."""
    fields = {
        'Upgrade': 'websocket',
        'Connection': 'Upgrade',
        'Sec-WebSocket-Accept': accept_for(key).decode('latin-1'),
    }
    return _head(change.pop('line', 'HTTP/1.1 101 Switching Protocols'),
                 fields, change)


def _head(line, fields, change):
    raw = change.pop('raw', '')
    known = {name.replace('-', '_').lower(): name for name in fields}
    for name, value in change.items():
        fields[known.get(name, name.replace('_', '-'))] = value
    text = line + '\r\n'
    for name, value in fields.items():
        values = [] if value is None else \
            value if isinstance(value, list) else [value]
        text += ''.join('%s: %s\r\n' % (name, one) for one in values)
    return (text + raw + '\r\n').encode('latin-1')


def new_key():
    return base64.b64encode(os.urandom(16))


# ---- we are the client ----

def read_answer(wire):
    """(status, fields) of the server's answer; (None, {}) when it has none."""
    head = wire.line_block()
    if head is None:
        return None, {}
    line, fields = parse_head(head)
    parts = line.split(' ', 2)
    if parts[0] != 'HTTP/1.1' or len(parts) < 2 or not parts[1].isdigit():
        raise Violation('an answer that begins with %r' % line)
    return int(parts[1]), fields


def check_upgrade(status, fields, key, offered=()):
    """What a client must check (section 4.1)."""
    if status != 101:
        raise Failed('status %s instead of 101' % status)
    if tokens(fields, 'upgrade') != ['websocket']:
        raise Failed('Upgrade: %s' % fields.get('upgrade'))
    if 'upgrade' not in tokens(fields, 'connection'):
        raise Failed('Connection: %s' % fields.get('connection'))
    if fields.get('sec-websocket-accept') != [accept_for(key).decode()]:
        raise Failed('a wrong Sec-WebSocket-Accept')
    if 'sec-websocket-extensions' in fields:
        raise Failed('an extension that we did not ask for')
    chosen = fields.get('sec-websocket-protocol', [])
    if len(chosen) > 1 or chosen and chosen[0] not in offered:
        raise Failed('a sub-protocol that we did not offer: %s' % chosen)


def open_as_client(wire, url, protocols=()):
    key = new_key()
    change = {}
    if protocols:
        change['Sec_WebSocket_Protocol'] = ', '.join(protocols)
    wire.send(request(url, key, **change))
    check_upgrade(*read_answer(wire), key, protocols)


# ---- we are the server ----

def read_request(wire):
    """The request line's words, the fields and the key of a client that does
    all it must (section 4.1)."""
    try:
        head = wire.line_block()
    except Late:
        raise Failed('no request in time') from None
    if head is None:
        raise Failed('connects and sends no request')
    line, fields = parse_head(head)
    words = line.split(' ')
    if len(words) != 3 or words[0] != 'GET' or words[2] != 'HTTP/1.1':
        raise Failed('the request begins with %r' % line)
    for name in ('host', 'sec-websocket-key', 'sec-websocket-version'):
        if len(fields.get(name, [])) != 1:
            raise Failed('%s: %s' % (name, fields.get(name)))
    key = fields['sec-websocket-key'][0]
    try:
        if len(base64.b64decode(key, validate=True)) != 16:
            raise ValueError
    except ValueError:
        raise Failed('the key is %r' % key) from None
    if fields['sec-websocket-version'] != ['13']:
        raise Failed('version %s' % fields['sec-websocket-version'])
    if 'websocket' not in tokens(fields, 'upgrade') or \
            'upgrade' not in tokens(fields, 'connection'):
        raise Failed('does not ask for an upgrade')
    return words, fields, key.encode()


def open_as_server(wire):
    _, fields, key = read_request(wire)
    change = {}
    if 'sec-websocket-protocol' in fields:
        change['Sec_WebSocket_Protocol'] = \
            fields['sec-websocket-protocol'][0].split(',')[0].strip()
    wire.send(response(key, **change))
    return key
