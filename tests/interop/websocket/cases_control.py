# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ping, pong, and messages in fragments with both between them."""
import time

from wscase import Cases, Failed
from wswire import BINARY, TEXT

ping = Cases('ping')
fragments = Cases('fragments')


def pinged(payload, chop=None):
    def run(p):
        p.send(p.ping(payload), chop=chop)
        p.expect(('pong', payload))
        p.finish()
    return run


ping.add('empty', '5.5.2', pinged(b''))
ping.add('text', '5.5.2', pinged(b'Hello'))
ping.add('binary', '5.5.2', pinged(b'\x00\xff\xfe\xfd\xfc\xfb\x00\xff'))
ping.add('125', '5.5.2', pinged(bytes(range(125))))
ping.add('125-chopped', '5.5.2', pinged(b'\xfe' * 125, 1))


@ping.case('126', '5.5')
def _ping_126(p):
    p.send(p.ping(b'x' * 126))
    p.fails(1002)


@ping.case('65536', '5.5')
def _ping_65536(p):
    p.send(p.ping(b'x' * 65536))
    p.fails(1002)


@ping.case('pong-126', '5.5')
def _pong_126(p):
    p.send(p.pong(b'x' * 126))
    p.fails(1002)


def unasked(payload):
    def run(p):
        p.send(p.pong(payload))
        p.alive()
        p.finish()
    return run


ping.add('unasked-pong', '5.5.3', unasked(b''))
ping.add('unasked-pong-payload', '5.5.3', unasked(b'nobody asked'))


@ping.case('unasked-pong-and-text', '5.5.3')
def _unasked_and_text(p):
    p.send(p.pong(b'nobody asked'), p.text(b'a'), p.pong(), p.ping(b'b'))
    p.expect_mixed([('text', b'a')], [b'b'])
    p.finish()


def many(count, chop):
    def run(p):
        bodies = [b'payload-%d' % i for i in range(count)]
        p.send(*(p.ping(body) for body in bodies), chop=chop)
        p.expect_mixed([], bodies)
        p.finish()
    return run


ping.add('ten-at-once', '5.5.2', many(10, None))
ping.add('ten-chopped', '5.5.2', many(10, 1))
ping.add('hundred-at-once', '5.5.2', many(100, None))
ping.add('hundred-chopped', '5.5.2', many(100, 7))


@ping.case('with-data-behind', '5.5.2')
def _ping_then_data(p):
    """A pong holds the ping's bytes and not those of the frames behind it."""
    p.send(p.ping(b'one'), p.binary(b'behind the ping'), p.ping(b'two'),
           p.ping(b'three'), p.text(b'more'))
    p.expect_mixed([('binary', b'behind the ping'), ('text', b'more')],
                   [b'one', b'two', b'three'])
    p.finish()


# ---- messages in fragments ----

@fragments.case('ping-in-fragments', '5.5')
def _ping_fragments(p):
    p.send(p.ping(b'part', fin=False), p.cont(b'part'))
    p.fails(1002)


@fragments.case('pong-in-fragments', '5.5')
def _pong_fragments(p):
    p.send(p.pong(b'part', fin=False), p.cont(b'part'))
    p.fails(1002)


@fragments.case('close-in-fragments', '5.5')
def _close_fragments(p):
    p.send(p.bye(1000, fin=False), p.cont(b'part'))
    p.fails(1002)


def in_parts(opcode, parts, chop=None):
    def run(p):
        p.send(*(p.make(opcode if i == 0 else 0, part,
                        fin=i == len(parts) - 1)
                 for i, part in enumerate(parts)), chop=chop)
        p.echoed(opcode, b''.join(parts))
        p.finish()
    return run


for op, kind in ((TEXT, 'text'), (BINARY, 'binary')):
    fragments.add(kind + '-two', '5.4', in_parts(op, [b'one', b'two']))
    fragments.add(kind + '-two-chopped', '5.4',
                  in_parts(op, [b'one', b'two'], 1))
    fragments.add(kind + '-empty-first', '5.4', in_parts(op, [b'', b'two']))
    fragments.add(kind + '-empty-last', '5.4', in_parts(op, [b'one', b'']))
    fragments.add(kind + '-empty-middle', '5.4',
                  in_parts(op, [b'one', b'', b'two']))
    fragments.add(kind + '-all-empty', '5.4', in_parts(op, [b'', b'', b'']))
    fragments.add(kind + '-many', '5.4',
                  in_parts(op, [b'%d,' % i for i in range(500)]))
    fragments.add(kind + '-many-chopped', '5.4',
                  in_parts(op, [b'%d,' % i for i in range(500)], 5))
    fragments.add(kind + '-of-any-size', '5.4',
                  in_parts(op, [b'x' * n for n in (1, 125, 126, 65535, 65536,
                                                   0, 3)]))


def with_ping(chop):
    def run(p):
        p.send(p.text(b'one', fin=False), p.ping(b'between'), p.cont(b'two'),
               chop=chop)
        p.expect_mixed([('text', b'onetwo')], [b'between'])
        p.finish()
    return run


fragments.add('ping-between', '5.4', with_ping(None))
fragments.add('ping-between-chopped', '5.4', with_ping(1))


@fragments.case('ping-between-answered-at-once', '5.5.2')
def _ping_at_once(p):
    """A ping is answered as soon as is practical, not after the message."""
    p.send(p.binary(b'x' * 3000, fin=False), p.ping(b'now'))
    p.expect(('pong', b'now'))
    p.send(p.cont(b'y', fin=False), p.ping(b'and now'))
    p.expect(('pong', b'and now'))
    p.send(p.cont(b'z'))
    p.echoed(BINARY, b'x' * 3000 + b'yz')
    p.finish()


@fragments.case('pong-between', '5.4')
def _pong_between(p):
    p.send(p.text(b'one', fin=False), p.pong(b'unasked'), p.cont(b'two'))
    p.echoed(TEXT, b'onetwo')
    p.finish()


def busy(chop):
    def run(p):
        p.send(p.binary(b'1', fin=False), p.ping(b'a'), p.pong(),
               p.cont(b'2', fin=False), p.ping(b'b'), p.cont(b'', fin=False),
               p.ping(b'c'), p.cont(b'3'), chop=chop)
        p.expect_mixed([('binary', b'123')], [b'a', b'b', b'c'])
        p.send(p.text(b'4', fin=False), p.ping(b'd'), p.cont(b'5'),
               chop=chop)
        p.expect_mixed([('text', b'45')], [b'd'])
        p.finish()
    return run


fragments.add('busy', '5.4', busy(None))
fragments.add('busy-chopped', '5.4', busy(1))


def of_nothing(fin, payload, before, chop=None):
    def run(p):
        parts = [p.text(before)] if before is not None else []
        p.send(*parts, p.cont(payload, fin=fin), p.text(b'later'), chop=chop)
        p.fails(1002, after=[('text', before)] if before is not None else [])
    return run


for fin in (True, False):
    end = '' if fin else '-unfinished'
    fragments.add('continuation-of-nothing' + end, '5.4',
                  of_nothing(fin, b'more', None))
    fragments.add('continuation-of-nothing-empty' + end, '5.4',
                  of_nothing(fin, b'', None))
    fragments.add('continuation-after-message' + end, '5.4',
                  of_nothing(fin, b'more', b'whole'))
    fragments.add('continuation-after-message-chopped' + end, '5.4',
                  of_nothing(fin, b'more', b'whole', 1))


@fragments.case('continuation-after-fragments', '5.4')
def _after_fragments(p):
    p.send(p.text(b'one', fin=False), p.cont(b'two'), p.cont(b'three'))
    p.fails(1002, after=[('text', b'onetwo')])


def message_inside(first, second, fin):
    def run(p):
        p.send(p.make(first, b'one', fin=False), p.make(second, b'two',
                                                        fin=fin))
        p.fails(1002)
    return run


for a, b, name in ((TEXT, TEXT, 'text-in-text'),
                   (BINARY, TEXT, 'text-in-binary'),
                   (TEXT, BINARY, 'binary-in-text'),
                   (BINARY, BINARY, 'binary-in-binary')):
    for fin in (True, False):
        fragments.add(name + ('' if fin else '-unfinished'), '5.4',
                      message_inside(a, b, fin))


@fragments.case('text-in-text-after-ping', '5.4')
def _text_in_text_after_ping(p):
    p.send(p.text(b'one', fin=False), p.ping(b'x'), p.text(b'two'))
    p.fails(1002, after=[('pong', b'x')])


@fragments.case('slowly', '5.4')
def _slowly(p):
    """Time between fragments is no reason to give up."""
    for i in range(4):
        p.send(p.make(BINARY if i == 0 else 0, b'%d' % i, fin=i == 3))
        time.sleep(0.05)
    p.echoed(BINARY, b'0123')
    p.finish()


SECTIONS = [ping, fragments]
