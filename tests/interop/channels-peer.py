# SPDX-License-Identifier: LGPL-2.1-or-later
"""A peer of the tools that breaks the rules of doc/migration-channels.md.

  channels-peer.py send PIPE HOW   plain connections to a receiver of two, whose
                                   port is read from the pipe
  channels-peer.py cut PORT HOW    between sender and receiver: breaks one off
"""
import contextlib
import socket
import struct
import sys
import threading
import time

TOKEN = bytes(range(32))


def hello(index, count=2, version=1, kind=1, token=TOKEN, block=1 << 19):
    return (b'QIO-MANY' + struct.pack('>HBBHHI', version, kind, 0, index, count, block) +
            bytes(12) + token + bytes(32))


def block(index, number, offset, data=b'', end=False, length=None):
    return (b'QIOB' + struct.pack('>BBHIIQQ', 2 if end else 1, 0, index,
                                  len(data) if length is None else length, 0,
                                  number, offset) + data)


def connect(port):
    return socket.create_connection(('127.0.0.1', port))


def answered(s):
    got = b''
    while len(got) < 96:
        more = s.recv(96 - len(got))
        if not more:
            raise SystemExit('not answered')
        got += more
    assert got[:11] == b'QIO-MANY\0\1\2' and got[32:64] == TOKEN, got


def until_closed(s):
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass


def send(pipe, how):
    with open(pipe) as told:
        port = int(told.readline())
    a = connect(port)
    first = {'version': hello(0, version=2), 'count': hello(0, count=17),
             'none': hello(0, count=0), 'index': hello(5),
             'more': hello(0, count=3), 'block': hello(0, block=1 << 30),
             'stream': b'QEVM' + bytes(200)}.get(how, hello(0))
    a.sendall(first)
    if how == 'missing' or first != hello(0):
        return until_closed(a)
    b = connect(port)
    if how == 'silent':
        return until_closed(a)
    if how == 'early':
        a.sendall(b'x')
        return until_closed(a)
    b.sendall({'doubled': hello(0), 'foreign': hello(1, token=bytes(32)),
               'differs': hello(0, count=1)}.get(how, hello(1)))
    if how in ('doubled', 'foreign', 'differs'):
        return until_closed(a)
    answered(a)
    answered(b)
    if how == 'late':
        try:
            c = connect(port)
            c.sendall(hello(1))
            if not c.recv(1):
                print('refused')
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            print('refused')
    a.sendall(block(0, 0, 0, b'a' * 1000))
    if how == 'length':
        b.sendall(block(1, 1, 1000, length=1 << 24))
    elif how == 'twice':
        b.sendall(block(1, 0, 0, b'b' * 1000))
    elif how == 'overlap':
        b.sendall(block(1, 2, 1500, b'b' * 1000))
        a.sendall(block(0, 1, 1000, b'c' * 1000))
    elif how == 'far':
        b.sendall(block(1, 2, 1 << 40, b'b' * 1000))
    elif how == 'same':
        # The first one is put aside before the other one comes.
        b.sendall(block(1, 2, 2000, b'b' * 1000) + block(1, 4, 4000, b'b'))
        time.sleep(0.3)
        a.sendall(block(0, 2, 2000, b'c' * 1000))
    elif how == 'behind':
        b.sendall(block(1, 2, 2000, b'b' * 1000) + block(1, 3, 3000, end=True))
        a.sendall(block(0, 1, 1000, end=True))
    elif how == 'gap':
        b.sendall(block(1, 2, 2000, b'b' * 1000))
        a.sendall(block(0, 3, 3000, b'c'))
    elif how == 'half':
        b.sendall(block(1, 1, 1000, b'b' * 1000)[:500])
        b.close()
    else:
        b.sendall(block(1, 1, 1000, b'b' * 1000))
        if how != 'endless':
            a.sendall(block(0, 2, 2000, end=True))
            b.sendall(block(1, 2, 2000 + (how == 'total'), end=True)
                      if how != 'oneend' else b'')
        if how in ('endless', 'oneend'):
            # One is enough for a receiver, and it may be gone before the other.
            a.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                b.shutdown(socket.SHUT_WR)
    until_closed(a)


def pump(src, dst, limit, how):
    moved = 0
    try:
        while data := src.recv(65536):
            moved += len(data)
            if limit and moved > limit:
                break
            dst.sendall(data)
    except OSError:
        pass
    for s in (src, dst):
        try:
            if limit and how == 'reset':
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            if limit:
                s.shutdown(socket.SHUT_RD)
                s.close()
            else:
                dst.shutdown(socket.SHUT_WR)
                break
        except OSError:
            pass


def cut(port, how):
    port = int(port)
    door = socket.create_server(('127.0.0.1', 0))
    print('listening on tcp:127.0.0.1:%d' % door.getsockname()[1], file=sys.stderr, flush=True)
    for i in range(3):
        a, b = door.accept()[0], connect(port)
        limit = 1000000 if i == 1 else 0
        for args in ((a, b, limit, how), (b, a, 0, how)):
            threading.Thread(target=pump, args=args, daemon=True).start()
    time.sleep(20)


if __name__ == '__main__':
    {'send': send, 'cut': cut}[sys.argv[1]](sys.argv[2], sys.argv[3])
