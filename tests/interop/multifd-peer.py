# SPDX-License-Identifier: LGPL-2.1-or-later
"""Both ends of a migration with channels, as QEMU would be, or not quite.

  multifd-peer.py PATH-OF-SOURCE PATH-OF-DESTINATION HOW
"""
import os
import socket
import struct
import sys
import threading
import time

END = b'\0\6\0\0\0\x1f{"page_size":4096,"devices":[]}'
CHANNELS = 3


def channel(i, version=1, uuid=b'u' * 16, size=700000):
    hello = struct.pack('>II', 0x11223344, version) + uuid + bytes([i]) + bytes(39)
    assert len(hello) == 64
    return hello + bytes([i]) * size


def dial(path):
    for _ in range(100):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except (FileNotFoundError, ConnectionRefusedError):
            s.close()
            time.sleep(0.02)
    raise SystemExit('nobody listens at ' + path)


class Destination(threading.Thread):
    """Takes all connections, the first one being the main one."""

    def __init__(self, path, how):
        super().__init__(daemon=True)
        self.how, self.got, self.readers = how, [], []
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(path)
        self.door.listen(16)

    def read(self, s, n):
        try:
            while data := s.recv(65536):
                self.got[n] += data
                if self.how == 'gone' and n == 2:
                    s.close()
                    return
        except OSError:
            pass
        if self.how != 'gone':
            s.close()

    def run(self):
        for n in range(CHANNELS + 1):
            s = self.door.accept()[0]
            self.got.append(b'')
            t = threading.Thread(target=self.read, args=(s, n), daemon=True)
            t.start()
            self.readers.append(t)


def main():
    source, path, how = sys.argv[1:]
    dest = Destination(path, how)
    dest.start()
    main_stream = b'QEVM\0\0\0\3' + os.urandom(30000) + (b'' if how == 'cut' else END)
    said = [main_stream] + [channel(i) for i in range(CHANNELS)]
    order = [2, 0, 3, 1] if how != 'first' else [0, 1, 2, 3]
    wrong = {'version': channel(0, 2), 'uuid': channel(0, uuid=bytes(16)),
             'doubled': channel(1), 'id': channel(CHANNELS), 'mains': main_stream,
             'neither': b'\x16\3\1\0' + bytes(100), 'short': b'\x11\x22\x33\x44' + bytes(30)}
    if how in wrong:
        said[1] = wrong[how]
    socks = []
    for i in order[:-1] if how == 'missing' else order:
        s = dial(source)
        threading.Thread(target=send, args=(s, said[i], how), daemon=True).start()
        socks.append(s)
    if how == 'short':
        time.sleep(0.2)
        socks[-1].shutdown(socket.SHUT_WR)
    if how == 'killed':
        time.sleep(0.5)
        os._exit(0)
    if how == 'breaks':
        time.sleep(0.3)
        socks[1].shutdown(socket.SHUT_WR)
    if how in wrong or how in ('missing', 'gone', 'breaks', 'cut'):
        for s in socks:
            gone(s)
        return
    dest.join(10)
    for t in dest.readers:
        t.join(10)
    assert dest.got[0] == said[0], 'the main one comes first, and whole'
    assert sorted(dest.got[1:]) == sorted(said[1:]), 'the channels'
    for s in socks:
        gone(s)
    print('all came')


def send(s, data, how):
    try:
        if how in ('breaks', 'killed', 'gone') and data[:4] == b'QEVM':
            s.sendall(data[:20000])
            time.sleep(5)
            return
        for i in range(70 if how == 'trickle' else 0):
            s.sendall(data[i:i + 1])
        s.sendall(data[70:] if how == 'trickle' else data)
        if how != 'missing' and how != 'short' and how != 'breaks':
            s.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def gone(s):
    """The tools let it go, sooner or later."""
    s.settimeout(8)
    try:
        while s.recv(1000):
            pass
    except ConnectionResetError:
        pass


if __name__ == '__main__':
    main()
