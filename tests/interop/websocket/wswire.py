# SPDX-License-Identifier: LGPL-2.1-or-later
"""Websocket frames on a socket, every byte of them under control.

Nothing in here checks what it sends: a frame may be as wrong as one likes.
What is received is judged without mercy (RFC 6455 section 5).
"""
import os
import select
import socket
import ssl
import struct
import time

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
READ_SIZE = 1 << 18


class Violation(Exception):
    """The peer sent what no endpoint may send."""


class Late(Exception):
    """Nothing came in time."""


def xor(data, key):
    """Mask or unmask (section 5.3), a big number at a time."""
    n = len(data)
    if n == 0:
        return b''
    stream = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(data, 'big') ^
            int.from_bytes(stream, 'big')).to_bytes(n, 'big')


def length_field(n, form, masked):
    """The second byte and what follows it; form is 7, 16, 64 or None."""
    bit = 0x80 if masked else 0
    if form is None:
        form = 7 if n < 126 else 16 if n < 65536 else 64
    if form == 7:
        return bytes([bit | n])
    if form == 16:
        return struct.pack('!BH', bit | 126, n)
    return struct.pack('!BQ', bit | 127, n)


def frame(opcode, payload, fin, rsv, masked, form=None, announce=None):
    """A frame. announce: the length that it claims to have."""
    n = len(payload) if announce is None else announce
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    head += length_field(n, form, masked)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + xor(payload, key)


class Wire:
    """A connected socket, plain or TLS, and what has been read from it."""

    def __init__(self, sock, patience):
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.patience = patience
        self.held = bytearray()
        self.ended = None  # 'eof' or 'reset', once it has

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def _wait(self, read, write, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Late()
        select.select([self.sock] if read else [], [self.sock] if write else [],
                      [], left)

    def _try_read(self):
        """Take what is there. True when there was something or the end."""
        if self.ended:
            return False
        try:
            data = self.sock.recv(READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (ConnectionError, ssl.SSLError, OSError):
            self.ended = 'reset'
            return True
        if not data:
            self.ended = 'eof'
        self.held += data
        return True

    def fill(self, deadline):
        """Read more. False at the end of the stream; Late when none comes."""
        while not self._try_read():
            if self.ended:
                return False
            self._wait(True, False, deadline)
        return not self.ended

    def handshake_tls(self):
        deadline = time.monotonic() + self.patience
        while True:
            try:
                self.sock.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._wait(True, False, deadline)
            except ssl.SSLWantWriteError:
                self._wait(False, True, deadline)

    def send(self, data, chop=None):
        """Write all, in pieces of `chop` bytes, reading what comes meanwhile.

        An end of the connection ends the writing as well: what the peer said
        before it is for the reader to find.
        """
        data = memoryview(data)
        step = chop or len(data)
        for begin in range(0, len(data), step or 1):
            if not self._send_piece(data[begin:begin + step]):
                return False
        return True

    def _send_piece(self, piece):
        deadline = time.monotonic() + self.patience
        while piece:
            try:
                sent = self.sock.send(piece)
                piece = piece[sent:]
                deadline = time.monotonic() + self.patience
                continue
            except (BlockingIOError, ssl.SSLWantWriteError,
                    ssl.SSLWantReadError):
                pass
            except (ConnectionError, ssl.SSLError, OSError):
                return False
            if self._try_read():
                deadline = time.monotonic() + self.patience
            self._wait(not self.ended, True, deadline)
        return True

    def finish_writing(self):
        """Tell the peer that no more comes; TLS is told by closing."""
        try:
            if not isinstance(self.sock, ssl.SSLSocket):
                self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def line_block(self, limit=65536):
        """Up to and with the empty line that ends an HTTP head; None at the
        end of the stream before it."""
        deadline = time.monotonic() + self.patience
        while b'\r\n\r\n' not in self.held:
            if len(self.held) > limit:
                raise Violation('the HTTP head has no end')
            if not self.fill(deadline):
                return None
        end = self.held.index(b'\r\n\r\n') + 4
        if end > limit:
            raise Violation('the HTTP head is too long')
        head = bytes(self.held[:end])
        del self.held[:end]
        return head


class Frames:
    """What the peer sends, frame by frame and message by message."""

    def __init__(self, wire, peer_masks):
        self.wire = wire
        self.peer_masks = peer_masks
        self.started = None  # opcode of the message that is not yet whole
        self.pieces = []
        self.keys = []

    def _header(self):
        """(opcode, fin, key, size of the head, length), or None: read more."""
        held = self.wire.held
        if len(held) < 2:
            return None
        first, second = held[0], held[1]
        masked, length, at = second & 0x80, second & 0x7f, 2
        if first & 0x70:
            raise Violation('a reserved bit is set')
        if bool(masked) != self.peer_masks:
            raise Violation('a masked frame of a server' if masked else
                            'a frame of a client without a mask')
        if length > 125:
            wide = 2 if length == 126 else 8
            if len(held) < at + wide:
                return None
            least = 126 if wide == 2 else 65536
            length = int.from_bytes(held[at:at + wide], 'big')
            at += wide
            if length < least or length >> 63:
                raise Violation('a length of %d in %d bytes' % (length, wide))
        key = None
        if masked:
            if len(held) < at + 4:
                return None
            key = bytes(held[at:at + 4])
            at += 4
        return first & 15, bool(first & 0x80), key, at, length

    def _frame(self, deadline):
        """(opcode, fin, payload), or None at the end of the stream."""
        while True:
            head = self._header()
            if head and len(self.wire.held) >= head[3] + head[4]:
                break
            if not self.wire.fill(deadline):
                if self.wire.held and self.wire.ended == 'eof':
                    raise Violation('the connection ends inside a frame')
                return None
        opcode, fin, key, at, length = head
        payload = bytes(memoryview(self.wire.held)[at:at + length])
        del self.wire.held[:at + length]
        if key:
            payload = xor(payload, key)
            self._fresh(key)
        return opcode, fin, payload

    def _fresh(self, key):
        """Section 5.3: a new, unpredictable key for every frame."""
        self.keys = self.keys[-3:] + [key]
        if len(self.keys) == 4 and len(set(self.keys)) == 1:
            raise Violation('four frames with the same masking key')

    def next(self, deadline):
        """The next event: ('text', bytes), ('binary', bytes), ('ping', bytes),
        ('pong', bytes), ('close', code or None, reason), ('end', how)."""
        while True:
            got = self._frame(deadline)
            if got is None:
                return ('end', self.wire.ended)
            opcode, fin, payload = got
            if opcode & 8:
                return self._control(opcode, fin, payload)
            whole = self._data(opcode, fin, payload)
            if whole:
                return whole

    def _data(self, opcode, fin, payload):
        if opcode > BINARY:
            raise Violation('reserved opcode %d' % opcode)
        if (opcode == CONT) != (self.started is not None):
            raise Violation('a continuation of nothing' if opcode == CONT else
                            'a new message inside another')
        if opcode != CONT:
            self.started = opcode
        self.pieces.append(payload)
        if not fin:
            return None
        kind = 'text' if self.started == TEXT else 'binary'
        data = b''.join(self.pieces)
        self.started, self.pieces = None, []
        if kind == 'text':
            try:
                data.decode('utf-8')
            except UnicodeDecodeError:
                raise Violation('a text that is not UTF-8') from None
        return (kind, data)

    @staticmethod
    def _control(opcode, fin, payload):
        if opcode > PONG:
            raise Violation('reserved opcode %d' % opcode)
        if not fin:
            raise Violation('a control frame in fragments')
        if len(payload) > 125:
            raise Violation('a control frame of %d bytes' % len(payload))
        if opcode != CLOSE:
            return ('ping' if opcode == PING else 'pong', payload)
        if len(payload) == 1:
            raise Violation('a Close frame with half a code')
        if not payload:
            return ('close', None, '')
        code = int.from_bytes(payload[:2], 'big')
        if not (1000 <= code <= 1014 and code not in (1004, 1005, 1006) or
                3000 <= code <= 4999):
            raise Violation('a Close frame with code %d' % code)
        try:
            return ('close', code, payload[2:].decode('utf-8'))
        except UnicodeDecodeError:
            raise Violation('a reason that is not UTF-8') from None
