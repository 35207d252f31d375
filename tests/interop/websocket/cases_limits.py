# SPDX-License-Identifier: LGPL-2.1-or-later
"""Much, in large and in small pieces, and many small messages."""
import hashlib
import time

from wscase import Cases, Failed
from wswire import BINARY, TEXT

KIB, MIB = 1024, 1024 * 1024
KINDS = ((TEXT, 'text'), (BINARY, 'binary'))

limits = Cases('limits')
rounds = Cases('rounds')


def filler(opcode, n):
    """n bytes without a period; of text, with characters of all lengths."""
    if opcode == TEXT:
        unit = 'aé€\U0001f980'.encode()
        out = b''.join(b'%x:' % i + unit for i in range(n // 11 + 1))
        # A cut character is not UTF-8.
        return out[:n].decode('utf-8', 'ignore').encode().ljust(n, b'.')
    out, block = [], b'qio'
    for _ in range(n // 65536 + 1):
        block = hashlib.sha512(block).digest()
        out.append(block * 1024)
    return b''.join(out)[:n]


def size_name(n):
    return '%dM' % (n // MIB) if n >= MIB else \
        '%dK' % (n // KIB) if n >= KIB else '%d' % n


def large(opcode, n, size=None, chop=None):
    def run(p):
        data = filler(opcode, n)
        p.send(p.pieces(opcode, data, size or n), chop=chop)
        p.echoed(opcode, data)
        p.finish()
    return run


for op, kind in KINDS:
    for n in (64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB):
        limits.add('%s-%s' % (kind, size_name(n)), '5.2', large(op, n))
    for size in (64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB,
                 4 * MIB):
        limits.add('%s-4M-in-%s' % (kind, size_name(size)), '5.4',
                   large(op, 4 * MIB, size))
    for chop in (64, 128, 256, 512, 1024, 2048):
        limits.add('%s-1M-chopped-%d' % (kind, chop), '5.2',
                   large(op, MIB, None, chop))
    limits.add('%s-64K-in-1300' % kind, '5.4', large(op, 64 * KIB, 1300))
    limits.add('%s-64K-in-1300-chopped-111' % kind, '5.4',
               large(op, 64 * KIB, 1300, 111))


@limits.case('nobody-reads', '5.2')
def _nobody_reads(p):
    """Back-pressure: 32 MiB go out, and for a while nothing is read."""
    data = filler(BINARY, 4 * MIB)
    one = p.binary(data)
    wire, p.wire.sock = p.wire, _Deaf(p.wire.sock, 0.5)
    for _ in range(8):
        wire.send(one)
    for _ in range(8):
        p.echoed(BINARY, data)
    p.finish()


class _Deaf:
    """A socket on which nothing arrives for a while."""

    def __init__(self, sock, seconds):
        self._sock = sock
        self._until = time.monotonic() + seconds

    def recv(self, n):
        if time.monotonic() < self._until:
            # Slows the sender's loop down, which would spin.
            time.sleep(0.01)
            raise BlockingIOError
        return self._sock.recv(n)

    def __getattr__(self, name):
        return getattr(self._sock, name)


def back_and_forth(opcode, n, count):
    def run(p):
        data = filler(opcode, n)
        for i in range(count):
            p.echo(opcode, data)
        p.finish()
    return run


for op, kind in KINDS:
    for n in (0, 16, 64, 256, KIB, 4 * KIB, 16 * KIB):
        rounds.add('%s-1000-of-%d' % (kind, n), '5.2',
                   back_and_forth(op, n, 1000))


@rounds.case('pipelined', '5.2')
def _pipelined(p):
    """A thousand messages of all sizes on their way at once."""
    sizes = [(i * 37) % 700 for i in range(1000)]
    kinds = [TEXT if i % 3 else BINARY for i in range(1000)]
    p.send(*(p.make(op, filler(op, n)) for op, n in zip(kinds, sizes)))
    for i, (op, n) in enumerate(zip(kinds, sizes)):
        event = p.event()
        if event[1] != filler(op, n):
            raise Failed('message %d is another' % i)
    p.finish()


SECTIONS = [limits, rounds]
