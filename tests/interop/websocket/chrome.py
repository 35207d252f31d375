# SPDX-License-Identifier: LGPL-2.1-or-later
"""A headless Chromium, steered over its own websocket, and what its
screenshots show."""
import base64
import http.client
import itertools
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.parse
import zlib

import wsopen
from wswire import TEXT, Frames, Late, Wire, frame

FLAGS = ('--headless', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update',
         '--disable-sync', '--disable-extensions', '--mute-audio',
         '--disable-dev-shm-usage', '--hide-scrollbars',
         '--remote-debugging-port=0')
PATIENCE = 30


class Trouble(Exception):
    """The browser does not do what it should."""


class Chrome:
    """A browser with one page. spki: base64 of the SHA-256 of a public key
    whose certificates are good for it, whoever signed them."""

    def __init__(self, spki=None):
        self.folder = tempfile.mkdtemp(prefix='chrome.')
        flags = list(FLAGS)
        if os.geteuid() == 0:
            flags.append('--no-sandbox')
        if spki:
            flags.append('--ignore-certificate-errors-spki-list=' + spki)
        with open(os.path.join(self.folder, 'log'), 'wb') as log:
            self.process = subprocess.Popen(
                ['chromium', *flags, '--user-data-dir=' + self.folder,
                 'about:blank'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self.count = 0
        try:
            self._attach(self._port())
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _port(self):
        name = os.path.join(self.folder, 'DevToolsActivePort')
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with open(name, encoding='ascii') as file:
                    lines = file.read().split()
                if len(lines) == 2:
                    return int(lines[0])
            except OSError:
                pass
            time.sleep(0.05)
        with open(os.path.join(self.folder, 'log'), encoding='utf-8') as log:
            raise Trouble('the browser does not start: ' + log.read()[-2000:])

    def _attach(self, port):
        ask = http.client.HTTPConnection('127.0.0.1', port, timeout=PATIENCE)
        ask.request('GET', '/json/list')
        pages = [page for page in json.load(ask.getresponse())
                 if page['type'] == 'page']
        url = urllib.parse.urlsplit(pages[0]['webSocketDebuggerUrl'])
        self.wire = Wire(socket.create_connection(('127.0.0.1', port)),
                         PATIENCE)
        wsopen.open_as_client(self.wire, url)
        self.frames = Frames(self.wire, False)

    def call(self, method, **params):
        """What the browser answers to a command of its protocol."""
        self.count += 1
        self.wire.send(frame(TEXT, json.dumps(
            {'id': self.count, 'method': method, 'params': params}).encode(),
                             True, 0, True))
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                event = self.frames.next(deadline)
            except Late:
                raise Trouble('%s: no answer' % method) from None
            if event[0] == 'end':
                raise Trouble('%s: the browser is gone' % method)
            message = json.loads(event[1])
            if message.get('id') != self.count:
                continue
            if 'error' in message:
                raise Trouble('%s: %s' % (method, message['error']))
            return message['result']

    def size(self, width, height):
        self.call('Emulation.setDeviceMetricsOverride', width=width,
                  height=height, deviceScaleFactor=1, mobile=False)

    def show(self, url):
        """Load a page; it is there when its load event has been."""
        self.call('Page.navigate', url=url)
        self.until('document.readyState == "complete" && '
                   'location.href != "about:blank"')

    def evaluate(self, expression):
        """The value of an expression, waited for when it is a promise."""
        answer = self.call('Runtime.evaluate', expression=expression,
                           awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in answer:
            raise Trouble('%s: %s' % (expression,
                                      answer['exceptionDetails']))
        return answer['result'].get('value')

    def until(self, expression, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                raise Trouble('never true: ' + expression)
            time.sleep(0.05)

    def click(self, x, y):
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y,
                      button='left', clickCount=1)

    def key(self, letter):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=letter,
                      text=letter if kind == 'keyDown' else '',
                      code='Key' + letter.upper(),
                      windowsVirtualKeyCode=ord(letter.upper()))

    def screenshot(self):
        """A PNG."""
        return base64.b64decode(self.call('Page.captureScreenshot')['data'])

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def read_png(data):
    """(width, height, rows): rows of (red, green, blue)."""
    assert data[:8] == b'\x89PNG\r\n\x1a\n'
    at, packed = 8, b''
    while at < len(data):
        length, kind = struct.unpack_from('!I4s', data, at)
        body = data[at + 8:at + 8 + length]
        if kind == b'IHDR':
            width, height, depth, colour, _, _, lace = struct.unpack('!IIBBBBB',
                                                                     body)
            assert depth == 8 and colour in (2, 6) and lace == 0
        elif kind == b'IDAT':
            packed += body
        at += 12 + length
    step = 3 if colour == 2 else 4
    raw, rows = zlib.decompress(packed), []
    before = bytearray(width * step)
    for y in range(height):
        begin = y * (width * step + 1)
        before = _unfilter(raw[begin],
                           bytearray(raw[begin + 1:begin + 1 + width * step]),
                           before, step)
        rows.append([tuple(before[x:x + 3])
                     for x in range(0, width * step, step)])
    return width, height, rows


def _unfilter(kind, line, above, step):
    """A line as it was before the encoder's filter (PNG specification 9)."""
    if kind == 1:
        for c in range(step):
            line[c::step] = bytes(
                x & 255 for x in itertools.accumulate(line[c::step]))
    elif kind == 2:
        line[:] = bytes(x + y & 255 for x, y in zip(line, above))
    elif kind in (3, 4):
        for i, b in enumerate(above):
            a = line[i - step] if i >= step else 0
            c = above[i - step] if i >= step else 0
            line[i] = line[i] + ((a + b) // 2 if kind == 3 else
                                 _paeth(a, b, c)) & 255
    return line


def _paeth(a, b, c):
    return min((abs(b - c), 0, a), (abs(a - c), 1, b),
               (abs(a + b - 2 * c), 2, c))[2]
