# SPDX-License-Identifier: LGPL-2.1-or-later
"""Texts that are UTF-8 and texts that are not (sections 5.6 and 8.1, with
RFC 3629): whole, in fragments, in segments, and how soon it is noticed."""
from wscase import Cases
from wswire import TEXT

utf8 = Cases('utf8')
early = Cases('utf8-early')

# One byte short of, on and over every border that RFC 3629 draws.
BORDERS = (0x00, 0x01, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xd000,
           0xd7ff, 0xe000, 0xfffd, 0xfffe, 0xffff, 0x10000, 0x3ffff, 0x40000,
           0xfffff, 0x100000, 0x10fffe, 0x10ffff)
NONCHARACTERS = [plane << 16 | low for plane in range(17)
                 for low in (0xfffe, 0xffff)] + list(range(0xfdd0, 0xfdf0))
SPEECH = 'κόσμε, Grüße, 世界, \U0001f980 and e\u0301'.encode()

WRONG = {
    'lone-continuation-80': b'\x80',
    'lone-continuation-bf': b'\xbf',
    'two-continuations': b'\x80\xbf',
    'all-continuations': bytes(range(0x80, 0xc0)),
    'start-without-rest-2': b'\xc3 ',
    'start-without-rest-3': b'\xe2\x82 ',
    'start-without-rest-4': b'\xf0\x9f\xa6 ',
    'start-after-start': b'\xe2\xe2\x82\xac',
    'one-continuation-too-many': b'\xc3\xa9\xa9',
    'byte-c0': b'\xc0',
    'byte-f5': b'\xf5\x80\x80\x80',
    'byte-f8': b'\xf8\x88\x80\x80\x80',
    'byte-fc': b'\xfc\x84\x80\x80\x80\x80',
    'byte-fe': b'\xfe',
    'byte-ff': b'\xff',
    'fe-and-ff': b'\xfe\xfe\xff\xff',
    'overlong-slash-2': b'\xc0\xaf',
    'overlong-slash-3': b'\xe0\x80\xaf',
    'overlong-slash-4': b'\xf0\x80\x80\xaf',
    'overlong-nul': b'\xc0\x80',
    'overlong-7f': b'\xc1\xbf',
    'overlong-7ff': b'\xe0\x9f\xbf',
    'overlong-ffff': b'\xf0\x8f\xbf\xbf',
    'overlong-5': b'\xf8\x87\xbf\xbf\xbf',
    'overlong-6': b'\xfc\x83\xbf\xbf\xbf\xbf',
    'surrogate-d800': b'\xed\xa0\x80',
    'surrogate-db7f': b'\xed\xad\xbf',
    'surrogate-dc00': b'\xed\xb0\x80',
    'surrogate-dfff': b'\xed\xbf\xbf',
    'surrogate-pair': b'\xed\xa0\xbe\xed\xb6\x80',
    'beyond-110000': b'\xf4\x90\x80\x80',
    'beyond-13ffff': b'\xf4\xbf\xbf\xbf',
    'latin-1': 'Grüße'.encode('latin-1'),
    'utf-16': 'κόσμε'.encode('utf-16-be'),
}
CUT = {
    'cut-2': b'\xc3',
    'cut-3-after-1': b'\xe2',
    'cut-3-after-2': b'\xe2\x82',
    'cut-4-after-1': b'\xf0',
    'cut-4-after-2': b'\xf0\x9f',
    'cut-4-after-3': b'\xf0\x9f\xa6',
}


def spoken(data, size=None, chop=None):
    def run(p):
        p.send(p.pieces(TEXT, data, size or len(data) or 1), chop=chop)
        p.echoed(TEXT, data)
        p.finish()
    return run


def all_of(texts):
    def run(p):
        for data in texts:
            p.echo(TEXT, data)
        p.finish()
    return run


# ---- what is right ----

utf8.add('speech', '5.6', spoken(SPEECH))
utf8.add('speech-in-two', '5.6', spoken(SPEECH, 13))
utf8.add('speech-byte-frames', '5.6', spoken(SPEECH, 1))
utf8.add('speech-byte-frames-chopped', '5.6', spoken(SPEECH, 1, 1))
utf8.add('borders', '8.1', all_of(chr(c).encode() for c in BORDERS))
utf8.add('borders-together', '8.1',
         spoken(''.join(map(chr, BORDERS)).encode()))
utf8.add('borders-byte-frames', '8.1',
         spoken(''.join(map(chr, BORDERS)).encode(), 1))
utf8.add('noncharacters', '8.1',
         spoken(''.join(map(chr, NONCHARACTERS)).encode()))
utf8.add('byte-order-mark', '8.1', spoken('\ufeffmark'.encode()))
utf8.add('every-code-point', '8.1', spoken(
    ''.join(map(chr, [*range(0xd800), *range(0xe000, 0x110000)])).encode(),
    65521))


@utf8.case('cut-anywhere', '5.6')
def _anywhere(p):
    """Two frames, with the border at every place there is."""
    for at in range(1, len(SPEECH)):
        p.send(p.text(SPEECH[:at], fin=False), p.cont(SPEECH[at:]))
        p.echoed(TEXT, SPEECH)
    p.finish()


@utf8.case('cut-by-pings', '5.6')
def _cut_by_pings(p):
    parts = [p.make(TEXT if i == 0 else 0, SPEECH[i:i + 1], fin=False)
             for i in range(len(SPEECH))]
    p.send(p.pong().join(parts), p.cont())
    p.echoed(TEXT, SPEECH)
    p.finish()


@utf8.case('binary-need-not-be', '5.6')
def _binary(p):
    for data in WRONG.values():
        p.send(p.binary(data))
        p.expect(('binary', data))
    p.finish()


@utf8.case('state-begins-anew', '8.1')
def _anew(p):
    """A binary message that ends like a cut text leaves nothing behind."""
    p.echo(2, b'\xf0\x9f')
    p.echo(TEXT, SPEECH)
    p.finish()


# ---- what is wrong ----

def refused(data, size=None, chop=None):
    def run(p):
        p.send(p.pieces(TEXT, data, size or len(data)), chop=chop)
        p.fails(1007)
    return run


def refused_after(data):
    def run(p):
        p.send(p.text(SPEECH), p.text(b'before ' + data + b' behind'))
        p.fails(1007, after=[('text', SPEECH)])
    return run


for name, data in {**WRONG, **CUT}.items():
    utf8.add(name, '8.1', refused(data))
    utf8.add(name + '-byte-frames', '8.1', refused(SPEECH + data, 1))
    utf8.add(name + '-chopped', '8.1', refused(SPEECH + data, None, 1))
for name, data in WRONG.items():
    utf8.add(name + '-within', '8.1', refused_after(data))


@utf8.case('cut-then-next-message', '8.1')
def _cut_then_next(p):
    """The rest of a character must come in the same message."""
    p.send(p.text(SPEECH[:1]), p.text(SPEECH[1:]))
    p.fails(1007)


def second_byte(first, lowest, highest):
    """What follows a start byte has borders of its own."""
    def run(p):
        tail = b'\x80' * (1 if first < 0xe0 else 2 if first < 0xf0 else 3)
        for second in (lowest, highest):
            p.echo(TEXT, bytes([first, second]) + tail[1:])
        p.send(p.text(bytes([first, lowest - 1]) + tail[1:]))
        p.fails(1007)
        other = p.again()
        other.send(other.text(bytes([first, highest + 1]) + tail[1:]))
        other.fails(1007)
        p.loose += other.loose
    return run


for first in range(0xc2, 0xf5):
    lowest = {0xe0: 0xa0, 0xf0: 0x90}.get(first, 0x80)
    highest = {0xed: 0x9f, 0xf4: 0x8f}.get(first, 0xbf)
    utf8.add('second-byte-of-%02x' % first, 'RFC 3629 4',
             second_byte(first, lowest, highest), side='server')


# ---- how soon: the message, or the frame, is not over yet ----

def noticed_between(first, second):
    """Wrong in a fragment that is whole, with more to come."""
    def run(p):
        p.send(p.text(SPEECH, fin=False), p.cont(first, fin=False))
        p.fails_now(1007, rest=p.cont(second))
    return run


def noticed_within(first, second):
    """Wrong within a frame, of which more is to come."""
    def run(p):
        whole = p.text(first + second)
        cut = len(whole) - len(second)
        p.send(whole[:cut])
        p.fails_now(1007, rest=whole[cut:])
    return run


for name in ('lone-continuation-80', 'surrogate-d800', 'beyond-110000',
             'overlong-slash-3', 'byte-f5', 'start-without-rest-4'):
    early.add(name + '-in-fragment', '8.1',
              noticed_between(WRONG[name], b'and the rest'))
    early.add(name + '-in-frame', '8.1',
              noticed_within(SPEECH + WRONG[name], b'and the rest'))
# The byte that decides, not the last of the character.
early.add('surrogate-at-second-byte', '8.1',
          noticed_between(b'\xed\xa0', b'\x80'))
early.add('beyond-at-second-byte', '8.1',
          noticed_between(b'\xf4\x90', b'\x80\x80'))
early.add('overlong-at-first-byte', '8.1', noticed_between(b'\xc0', b'\x80'))
early.add('overlong-at-second-byte', '8.1',
          noticed_between(b'\xf0\x8f', b'\xbf\xbf'))
early.add('beyond-at-second-byte-in-frame', '8.1',
          noticed_within(SPEECH + b'\xf4\x90', b'\x80\x80'))


@early.case('good-until-it-is-not', '8.1')
def _good_until(p):
    """What may still become right is waited for."""
    p.send(p.text(SPEECH + b'\xf4', fin=False), p.ping(b'so far'))
    p.expect(('pong', b'so far'))
    p.send(p.cont(b'\x8f\xbf', fin=False), p.ping(b'so far'))
    p.expect(('pong', b'so far'))
    p.send(p.cont(b'\xbf'))
    p.echoed(TEXT, SPEECH + b'\xf4\x8f\xbf\xbf')
    p.finish()


SECTIONS = [utf8, early]
