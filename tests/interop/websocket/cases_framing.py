# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frames of every kind and form: lengths, masks, reserved bits, opcodes."""
from wscase import Cases, Failed
from wswire import BINARY, TEXT, Late

LENGTHS = (0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536,
           65537)
KINDS = ((TEXT, 'text'), (BINARY, 'binary'))

framing = Cases('framing')
lengths = Cases('lengths')
masking = Cases('masking')
reserved = Cases('reserved-bits')
opcodes = Cases('opcodes')


def body(opcode, n):
    """n bytes that tell when they are mixed up; ASCII for text."""
    if opcode == TEXT:
        return bytes(0x21 + (i * 7 + i // 94) % 94 for i in range(n))
    return bytes((i * 7 + (i >> 8)) & 255 for i in range(n))


# ---- data frames that are as they should be ----

def whole(opcode, n, chop=None):
    def run(p):
        p.echo(opcode, body(opcode, n), chop)
        p.finish()
    return run


for op, kind in KINDS:
    for n in LENGTHS:
        framing.add('%s-%d' % (kind, n), '5.2', whole(op, n))
    framing.add('%s-65536-chopped-997' % kind, '5.2', whole(op, 65536, 997))
    framing.add('%s-128-chopped-1' % kind, '5.2', whole(op, 128, 1))
    framing.add('%s-65536-chopped-61' % kind, '5.2', whole(op, 65536, 61))


@framing.case('several-in-one-segment', '5.2')
def _several(p):
    messages = [(op, body(op, n)) for n in (3, 0, 200, 70000, 1)
                for op in (TEXT, BINARY)]
    p.send(*(p.make(op, data) for op, data in messages))
    for op, data in messages:
        p.echoed(op, data)
    p.finish()


@framing.case('all-byte-values', '5.6')
def _all_bytes(p):
    p.echo(BINARY, bytes(range(256)) * 3)
    p.finish()


# ---- forms of the length ----

def not_minimal(n, form):
    """The minimal form MUST be used; what a receiver does is not said."""
    def run(p):
        p.send(p.binary(b'x' * n, form=form))
        event = p.event()
        if event == ('binary', b'x' * n):
            p.note('accepts a length that is not minimal')
            p.finish()
            return
        p.unread(event)
        p.fails(1002)
    return run


for n, form in ((0, 16), (125, 16), (0, 64), (126, 64), (65535, 64)):
    lengths.add('not-minimal-%d-in-%d-bits' % (n, form), '5.2',
                not_minimal(n, form))


@lengths.case('highest-bit', '5.2')
def _highest_bit(p):
    p.send(p.binary(b'x' * 70000, form=64, announce=1 << 63 | 70000))
    p.fails(1002, 1009)


@lengths.case('more-than-anybody-has', '5.2')
def _huge(p):
    """Refused as too big, or waited for; but not a reason to fall over."""
    p.send(p.binary(b'x' * 1000, form=64, announce=1 << 62))
    p.wire.finish_writing()
    try:
        event = p.event(1.0)
    except Late:
        event = ('end', None)
    p.wire.close()
    if event[0] not in ('close', 'end') or event[1] == 1000:
        raise Failed('accepts a frame that was cut')
    p.again().finish()


# ---- masks ----

@masking.case('wrong-way', '5.1')
def _wrong_mask(p):
    """A server MUST end it on an unmasked frame, a client on a masked one."""
    p.send(p.text(b'whose mask?', masked=p.peer == 'client'))
    p.fails(1002)


@masking.case('wrong-way-ping', '5.1')
def _wrong_mask_ping(p):
    p.send(p.ping(b'whose mask?', masked=p.peer == 'client'))
    p.fails(1002)


@masking.case('wrong-way-close', '5.1')
def _wrong_mask_close(p):
    p.send(p.bye(1000, masked=p.peer == 'client'))
    p.fails(1002)


@masking.case('wrong-way-later', '5.1')
def _wrong_mask_later(p):
    p.echo(BINARY, b'the first is right')
    p.send(p.binary(b'first part', fin=False),
           p.cont(b'second part', masked=p.peer == 'client'))
    p.fails(1002)


def with_key(key):
    def run(p):
        data = body(BINARY, 1000)
        stream = key * 250
        p.send(b'\x82\xfe\x03\xe8' + key +
               bytes(a ^ b for a, b in zip(data, stream)))
        p.echoed(BINARY, data)
        p.finish()
    return run


for key in (b'\0\0\0\0', b'\xff\xff\xff\xff', b'\0\x01\x02\x03',
            b'\x80\0\0\x01'):
    masking.add('key-%s' % key.hex(), '5.3', with_key(key), side='server')


@masking.case('every-alignment', '5.3')
def _alignments(p):
    """Lengths and starts that no wide unmasking falls into by itself."""
    messages = [body(BINARY, n) for n in range(1, 80)]
    p.send(*(p.binary(data) for data in messages), chop=13)
    for data in messages:
        p.echoed(BINARY, data)
    p.finish()


@masking.case('fresh-keys', '5.3', side='client')
def _fresh_keys(p):
    for i in range(8):
        p.echo(BINARY, b'the same again')
    p.finish()


# ---- reserved bits: no extension was agreed on ----

def reserved_bits(rsv, opcode, payload, before=None, chop=None, later=False):
    def run(p):
        parts = []
        if before is not None:
            parts.append(p.text(before))
        bad = p.make(opcode, payload, rsv=rsv)
        if later:
            bad += p.ping(b'later')
        p.send(*parts, bad, chop=chop)
        after = [('text', before)] if before is not None else []
        p.fails(1002, after=after)
    return run


for rsv in range(1, 8):
    reserved.add('text-%d' % rsv, '5.2', reserved_bits(rsv, TEXT, b'hello'))
    reserved.add('after-text-%d' % rsv, '5.2',
                 reserved_bits(rsv, BINARY, b'hello', b'fine', None, True))
    reserved.add('chopped-%d' % rsv, '5.2',
                 reserved_bits(rsv, TEXT, b'hello', b'fine', 1))
    reserved.add('empty-%d' % rsv, '5.2', reserved_bits(rsv, BINARY, b''))
for rsv in (1, 2, 4):
    reserved.add('ping-%d' % rsv, '5.2', reserved_bits(rsv, 9, b'p'))
    reserved.add('pong-%d' % rsv, '5.2', reserved_bits(rsv, 10, b'p'))
    reserved.add('close-%d' % rsv, '5.2', reserved_bits(rsv, 8, b'\x03\xe8'))


@reserved.case('continuation', '5.2')
def _reserved_continuation(p):
    p.send(p.text(b'part', fin=False), p.cont(b'part', rsv=4))
    p.fails(1002)


# ---- opcodes that nobody has defined ----

def opcode_case(opcode, payload, before=None, chop=None):
    def run(p):
        parts = [p.text(before)] if before is not None else []
        p.send(*parts, p.make(opcode, payload), p.ping(b'later'), chop=chop)
        p.fails(1002, after=[('text', before)] if before is not None else [])
    return run


for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
    opcodes.add('%d' % opcode, '5.2', opcode_case(opcode, b''))
    opcodes.add('%d-payload' % opcode, '5.2',
                opcode_case(opcode, b'reserved', b'fine'))
    opcodes.add('%d-chopped' % opcode, '5.2',
                opcode_case(opcode, b'reserved', b'fine', 1))


def opcode_inside(opcode):
    def run(p):
        p.send(p.text(b'part', fin=False), p.make(opcode, b'reserved'))
        p.fails(1002)
    return run


for opcode in (3, 7, 11, 15):
    opcodes.add('%d-inside-a-message' % opcode, '5.2', opcode_inside(opcode))

SECTIONS = [framing, lengths, masking, reserved, opcodes]
