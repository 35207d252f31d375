# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a case can do to a peer, and how the outcome is judged.

ok      what RFC 6455 demands, and what it says that one SHOULD do
loose   allowed, but less than SHOULD: no Close frame before the connection is
        dropped, another fitting code, invalid text noticed only at its end
failed  anything else
"""
import time

from wswire import (BINARY, CLOSE, CONT, PING, PONG, TEXT, Frames, Late,
                    frame)

# Codes that say "you did something that I do not accept".
COMPLAINTS = (1002, 1003, 1007, 1008, 1009, 1011)
NAMES = {TEXT: 'text', BINARY: 'binary'}


class Failed(Exception):
    """The peer did not do what it must."""


class Case:
    """A case: its name, where the RFC speaks of it, and what to do.

    side: 'server' or 'client' when it is for that kind of peer only.
    raw: the case does the opening handshake itself.
    """

    def __init__(self, name, where, run, side=None, raw=False):
        self.name = name
        self.where = where
        self.run = run
        self.side = side
        self.raw = raw


class Cases(list):
    """A section's cases; what it is called is the first part of each name."""

    def __init__(self, section):
        super().__init__()
        self.section = section

    def add(self, name, where, run, **how):
        self.append(Case(self.section + '/' + name, where, run, **how))

    def case(self, name, where, **how):
        """The same as a decorator."""
        def adder(run):
            self.add(name, where, run, **how)
            return run
        return adder


def show(event):
    if event[0] == 'end':
        return 'end of the connection (%s)' % event[1]
    if event[0] == 'close':
        return 'Close %s' % (event[1] or 'without a code')
    data = event[1]
    return '%s of %d bytes%s' % (event[0], len(data),
                                 ' %r' % data if len(data) < 20 else '')


class Probe:
    """A connection to the peer, after the opening handshake."""

    def __init__(self, wire, peer, patience, again=None):
        self.wire = wire
        self.peer = peer  # 'server' or 'client'
        self.patience = patience
        self.frames = Frames(wire, peer == 'client')
        self.looked_at = []
        self.loose = []
        self.again = again  # another connection to the same peer

    # ---- sending ----

    def make(self, opcode, payload=b'', fin=True, rsv=0, masked=None,
             form=None, announce=None):
        if masked is None:
            masked = self.peer == 'server'
        return frame(opcode, payload, fin, rsv, masked, form, announce)

    def text(self, payload=b'', **how):
        return self.make(TEXT, payload, **how)

    def binary(self, payload=b'', **how):
        return self.make(BINARY, payload, **how)

    def cont(self, payload=b'', **how):
        return self.make(CONT, payload, **how)

    def ping(self, payload=b'', **how):
        return self.make(PING, payload, **how)

    def pong(self, payload=b'', **how):
        return self.make(PONG, payload, **how)

    def bye(self, code=1000, reason=b'', **how):
        body = b'' if code is None else code.to_bytes(2, 'big') + reason
        return self.make(CLOSE, body, **how)

    def pieces(self, opcode, payload, size):
        """A message in frames of `size` bytes."""
        starts = range(0, max(len(payload), 1), size)
        return b''.join(
            self.make(opcode if at == 0 else CONT, payload[at:at + size],
                      fin=at + size >= len(payload)) for at in starts)

    def send(self, *parts, chop=None):
        self.wire.send(b''.join(parts), chop)

    # ---- receiving ----

    def event(self, patience=None):
        """The next event; pings of the peer's own are answered in passing."""
        if self.looked_at:
            return self.looked_at.pop()
        deadline = time.monotonic() + (patience or self.patience)
        while True:
            event = self.frames.next(deadline)
            if event[0] != 'ping':
                return event
            self.send(self.pong(event[1]))

    def unread(self, event):
        """Give back an event that was only looked at."""
        self.looked_at.append(event)

    def expect(self, *wanted):
        for want in wanted:
            try:
                event = self.event()
            except Late:
                raise Failed('%s: not in time' % show(want)) from None
            if event != want:
                raise Failed('%s instead of %s' % (show(event), show(want)))

    def expect_mixed(self, messages, pings):
        """The messages in order, and a pong for the last ping at least
        (section 5.5.3); how the two kinds mix is up to the peer."""
        messages, pings = list(messages), list(pings)
        while messages or pings:
            event = self.event()
            if event[0] == 'pong' and event[1] in pings:
                del pings[:pings.index(event[1]) + 1]
            elif messages and event == messages[0]:
                del messages[0]
            else:
                raise Failed('%s instead of %s' % (show(event), show(
                    messages[0] if messages else ('pong', pings[-1]))))

    def echoed(self, opcode, payload):
        self.expect((NAMES[opcode], payload))

    def echo(self, opcode, payload, chop=None):
        self.send(self.make(opcode, payload), chop=chop)
        self.echoed(opcode, payload)

    def alive(self):
        """It answers, and has nothing left to say before the answer."""
        self.send(self.ping(b'still there?'))
        self.expect(('pong', b'still there?'))

    # ---- ends ----

    def finish(self):
        """The closing handshake, begun by us (sections 5.5.1 and 7.1)."""
        self.send(self.bye(1000))
        self.answers_close(1000)

    def answers_close(self, code, wanted=()):
        """The peer answers our Close; events in wanted may come before."""
        event = self._after(list(wanted), (code,))
        if event[0] != 'close':
            raise Failed('%s instead of a Close frame' % show(event))
        if event[1] != code:
            if event[1] not in (None, 1000):
                raise Failed('%s as an answer to %s' % (show(event), code))
            self.note('answers %s with %s' % (code, event[1]))
        self.dropped()

    def _after(self, wanted, codes):
        """The Close frame or the end, after some of the wanted events."""
        missing = list(wanted)
        while True:
            try:
                event = self.event()
            except Late:
                raise Failed('goes on, neither Close frame nor end') from None
            if event[0] in ('close', 'end'):
                break
            if not missing or event != missing.pop(0):
                raise Failed('%s instead of Close %s' % (
                    show(event), '/'.join(str(c) for c in codes)))
        if missing:
            self.note('%s is not there' % show(missing[0]))
        return event

    def dropped(self):
        """After Close frames both ways: a server ends the connection at once,
        a client when the server does."""
        if self.peer == 'client':
            self.wire.finish_writing()
            if hasattr(self.wire.sock, 'unwrap'):
                self.wire.close()
                return
        try:
            event = self.event()
        except Late:
            raise Failed('the connection stays after the closing '
                         'handshake') from None
        if event[0] != 'end':
            raise Failed('%s after the closing handshake' % show(event))

    def fails(self, *codes, after=()):
        """The peer fails the connection with one of these codes, the first of
        which is the best (section 7.1.7). after: what may come before."""
        event = self._after(after, codes)
        if event[0] == 'end':
            self.note('drops the connection without a Close frame')
            return
        if event[1] not in codes:
            if event[1] not in COMPLAINTS:
                raise Failed('%s instead of Close %s' % (
                    show(event), '/'.join(str(c) for c in codes)))
            self.note('Close %s instead of %s' % (event[1], codes[0]))
        self.send(self.bye(event[1]))
        self.dropped()

    def fails_now(self, *codes, rest=b''):
        """It fails before the rest is sent; at the latest then."""
        try:
            event = self.event(min(1.0, self.patience))
        except Late:
            self.note('noticed only at the end of the message')
            self.send(rest)
            self.fails(*codes)
            return
        self.unread(event)
        self.fails(*codes)

    def note(self, text):
        self.loose.append(text)

