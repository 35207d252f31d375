# SPDX-License-Identifier: LGPL-2.1-or-later
"""The closing handshake: codes, reasons, order, and what comes after it."""
from wscase import Cases, Failed
from wswire import BINARY, CLOSE, Late

closing = Cases('close')
codes = Cases('close-code')

# Section 7.4.1 and the registry of RFC 6455 section 11.7; 3000 to 4999 are
# for libraries and for private use.
GOOD = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000,
        4999)
REGISTERED_LATER = (1012, 1013, 1014)
# Below 1000 unused; 1004 undefined; 1005, 1006 and 1015 MUST NOT be sent; the
# others are reserved for later versions of the protocol.
BAD = (0, 1, 100, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999)
UNDEFINED = (5000, 65535)


def closes(code, reason=b'', chop=None):
    def run(p):
        p.send(p.bye(code, reason), chop=chop)
        p.answers_close(code)
    return run


for code in GOOD:
    codes.add('%d' % code, '7.4', closes(code))
    codes.add('%d-reason' % code, '7.4', closes(code, b'because'))


def not_in_the_rfc(code, best):
    """Answered like any other, or a protocol error; one is better."""
    def run(p):
        p.send(p.bye(code))
        event = p.event()
        if event[0] != 'close' or event[1] not in (None, 1000, 1002, code):
            p.unread(event)
            p.fails(1002)
            return
        if event[1] != best:
            p.note('Close %s instead of %d' % (event[1], best))
        p.dropped()
    return run


for code in REGISTERED_LATER:
    codes.add('%d' % code, '7.4.2', not_in_the_rfc(code, code))
for code in UNDEFINED:
    codes.add('%d' % code, '7.4.2', not_in_the_rfc(code, 1002))


def refused(body):
    def run(p):
        p.send(p.make(CLOSE, body))
        p.fails(1002)
    return run


for code in BAD:
    codes.add('%d' % code, '7.4.2', refused(code.to_bytes(2, 'big')))
    codes.add('%d-reason' % code, '7.4.2',
              refused(code.to_bytes(2, 'big') + b'because'))

# ---- the frame ----

closing.add('no-code', '5.5.1', closes(None))
closing.add('normal', '5.5.1', closes(1000))
closing.add('chopped', '5.5.1', closes(1000, b'because', 1))
closing.add('reason-123', '5.5.1', closes(1000, b'x' * 123))
closing.add('reason-123-chopped', '5.5.1', closes(1000, b'x' * 123, 1))
closing.add('reason-utf8', '5.5.1', closes(1000, 'weil: κόσμε 🦀'.encode()))
closing.add('half-a-code', '5.5.1', refused(b'\x03'))
closing.add('reason-124', '5.5', refused(b'\x03\xe8' + b'x' * 124))


def bad_reason(reason):
    """1007 is for data, 1002 for everything: both fit."""
    def run(p):
        p.send(p.bye(1000, reason))
        p.fails(1007, 1002)
    return run


for name, reason in (('lone-continuation', b'\x80'),
                     ('overlong', b'because\xc0\xaf'),
                     ('surrogate', b'\xed\xa0\x80'),
                     ('beyond', b'x\xf4\x90\x80\x80'),
                     ('cut', b'because \xe2\x82')):
    closing.add('reason-not-utf8-' + name, '5.5.1', bad_reason(reason))


# ---- order ----

@closing.case('after-echo', '5.5.1')
def _after_echo(p):
    p.echo(BINARY, b'first')
    p.finish()


@closing.case('right-behind-a-message', '5.5.1')
def _behind_message(p):
    """The message came first: it is echoed, then the Close answered."""
    p.send(p.binary(b'first'), p.bye())
    p.answers_close(1000, [('binary', b'first')])


@closing.case('right-behind-much', '5.5.1')
def _behind_much(p):
    data = bytes(range(256)) * 1024
    p.send(p.binary(data), p.bye())
    p.answers_close(1000, [('binary', data)])


@closing.case('inside-a-message', '5.4')
def _inside(p):
    """A control frame may come between fragments; the message stays without
    its end, for ever."""
    p.send(p.text(b'part', fin=False), p.bye())
    p.answers_close(1000)


def nothing_after(*parts):
    """What comes after a Close frame is not answered any more."""
    def run(p):
        p.send(p.bye(), *(part(p) for part in parts))
        p.answers_close(1000)
    return run


closing.add('then-text', '5.5.1', nothing_after(lambda p: p.text(b'late')))
closing.add('then-ping', '5.5.1', nothing_after(lambda p: p.ping(b'late')))
closing.add('then-close', '5.5.1', nothing_after(lambda p: p.bye(1001)))
closing.add('then-rubbish', '5.5.1',
            nothing_after(lambda p: b'\xff' * 300))
closing.add('inside-then-rest', '5.5.1', nothing_after(
    lambda p: p.cont(b'rest')))


@closing.case('then-much', '5.5.1')
def _then_much(p):
    """More than fits any buffer, which nobody reads: an end all the same."""
    p.send(p.bye(), p.binary(b'x' * 262144))
    try:
        p.answers_close(1000)
    except Failed:
        if p.wire.ended != 'reset':
            raise
        p.note('the answer is lost in a reset')


@closing.case('failed-with-much-behind', '7.1.1')
def _failed_with_much(p):
    """The Close frame gets through, though we go on sending."""
    p.send(p.make(3, b'reserved'), p.binary(b'x' * 1048576))
    p.fails(1002)


# ---- the connection ends without a Close frame ----

def cut(data):
    """Nothing to judge but that the peer lets go and lives on."""
    def run(p):
        p.send(data(p))
        p.wire.finish_writing()
        if hasattr(p.wire.sock, 'unwrap'):
            p.wire.close()
        else:
            _ends(p)
        p.again().finish()
    return run


def _ends(p):
    for _ in range(3):
        try:
            if p.event()[0] == 'end':
                return
        except Late:
            break
    raise Failed('stays when the connection is gone')


closing.add('cut-between-messages', '7.1.5', cut(lambda p: b''))
closing.add('cut-in-header', '7.1.5', cut(lambda p: p.binary(b'x' * 300)[:3]))
closing.add('cut-in-payload', '7.1.5',
            cut(lambda p: p.binary(b'x' * 300)[:100]))
closing.add('cut-between-fragments', '7.1.5',
            cut(lambda p: p.binary(b'x', fin=False)))

SECTIONS = [closing, codes]
