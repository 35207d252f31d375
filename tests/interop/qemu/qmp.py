#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Minimal QMP client over a unix socket (standard library only).

As a program:  qmp.py SOCKET COMMAND [JSON-ARGUMENTS]
"""
import json
import select
import socket
import sys
import time


class QMPError(Exception):
    """The peer answered with an error object."""


class QMPTimeout(QMPError):
    pass


class QMP:
    def __init__(self, path, timeout=10.0):
        end = time.monotonic() + timeout
        while True:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                s.connect(path)
                break
            except OSError:
                s.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        s.setblocking(False)
        self.s = s
        self.buf = b''
        self.events = []          # not yet taken by wait_event
        self.greeting = self._message(timeout)
        self.cmd('qmp_capabilities')

    def _message(self, timeout):
        """Next complete line as an object; None when the time is over."""
        end = time.monotonic() + timeout
        while b'\n' not in self.buf:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.s], [], [], left)[0]:
                return None
            data = self.s.recv(65536)
            if not data:
                raise QMPError('QMP connection closed by the peer')
            self.buf += data
        line, self.buf = self.buf.split(b'\n', 1)
        return json.loads(line)

    def cmd(self, name, args=None, timeout=60.0):
        msg = {'execute': name}
        if args:
            msg['arguments'] = args
        self.s.setblocking(True)
        self.s.sendall(json.dumps(msg).encode() + b'\n')
        self.s.setblocking(False)
        end = time.monotonic() + timeout
        while True:
            m = self._message(max(0.0, end - time.monotonic()))
            if m is None:
                raise QMPTimeout(f'{name}: no answer in {timeout} s')
            if 'event' in m:
                self.events.append(m)
            elif 'return' in m:
                return m['return']
            elif 'error' in m:
                raise QMPError(f"{name}: {m['error'].get('desc', m['error'])}")

    def wait_event(self, pred, timeout):
        """First event (past ones included) for which pred(event); None if late."""
        end = time.monotonic() + timeout
        while True:
            while self.events:
                e = self.events.pop(0)
                if pred(e):
                    return e
            m = self._message(max(0.0, end - time.monotonic()))
            if m is None:
                return None
            if 'event' in m:
                self.events.append(m)

    def close(self):
        self.s.close()


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    q = QMP(sys.argv[1])
    a = json.loads(sys.argv[3]) if len(sys.argv) > 3 else None
    print(json.dumps(q.cmd(sys.argv[2], a), indent=1))
