# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the scripts here share: guests, child processes, serial checks.

Everything that is started is a child of this process, dies with it
(PR_SET_PDEATHSIG) and is ended by its pid.  127.0.0.1 only.
"""
import contextlib
import ctypes
import hashlib
import mmap
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from qmp import QMP, QMPError, QMPTimeout     # noqa: F401 (re-exported)

HERE = os.path.dirname(os.path.abspath(__file__))
QEMU = os.environ.get('QEMU', 'qemu-system-x86_64')
FILL_BASE = 16 << 20                  # as in guest.S
BW = 1 << 40                          # max-bandwidth: as good as none
HZ = os.sysconf('SC_CLK_TCK')
_libc = ctypes.CDLL(None, use_errno=True)


class HarnessError(Exception):
    pass


def _preexec():
    _libc.prctl(1, signal.SIGKILL)    # PR_SET_PDEATHSIG


def spawn(argv, **kw):
    return subprocess.Popen(argv, preexec_fn=_preexec, stdin=kw.pop('stdin', subprocess.DEVNULL), **kw)


def end(p, grace=3.0):
    """End one child by its pid."""
    if p is None or p.poll() is not None:
        return
    p.terminate()
    try:
        p.wait(grace)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()


def bounded(seconds):
    """The whole run: past this the process dies, and with it its children."""
    def late(*_):
        sys.stderr.write(f'harness: over {seconds} s, giving up\n')
        os._exit(124)
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@contextlib.contextmanager
def workdir(keep=False):
    d = tempfile.mkdtemp(prefix='qioqemu.', dir=os.environ.get('TMPDIR', '/tmp'))
    try:
        yield d
    finally:
        if keep:
            print('kept:', d)
        else:
            shutil.rmtree(d, ignore_errors=True)


def guest_elf(wd):
    out = os.path.join(wd, 'guest.elf')
    if not os.path.exists(out):
        subprocess.run([os.path.join(HERE, 'mkguest'), out], check=True)
    return out


def mkpki(d, key='rsa'):
    subprocess.run([os.path.join(HERE, 'mkpki'), d, key], check=True,
                   stdout=subprocess.DEVNULL)
    return d


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def listening(port):
    """Is anybody in LISTEN on this port?  Looks, does not connect."""
    want = f':{port:04X}'
    for name in ('/proc/net/tcp', '/proc/net/tcp6'):
        with open(name) as f:
            for line in f:
                w = line.split()
                if len(w) > 3 and w[1].endswith(want) and w[3] == '0A':
                    return True
    return False


def wait_listening(port, timeout=10.0, proc=None):
    t = time.monotonic() + timeout
    while not listening(port):
        if proc is not None and proc.poll() is not None:
            raise HarnessError(f'listener ended with {proc.returncode} before it listened')
        if time.monotonic() > t:
            raise HarnessError(f'nobody listens on {port} after {timeout} s')
        time.sleep(0.01)


def cpu(pid):
    """(user, system) seconds of a process, ended threads included."""
    with open(f'/proc/{pid}/stat') as f:
        w = f.read().rsplit(')', 1)[1].split()
    return int(w[11]) / HZ, int(w[12]) / HZ


def warm(mib):
    """Touch that much memory and give it back, so that what the kernel hands out
    next (page cache of the stream's file ...) is really backed by the host."""
    m = mmap.mmap(-1, mib << 20)
    m.madvise(mmap.MADV_NOHUGEPAGE)
    for i in range(0, mib << 20, 4096):
        m[i] = 1
    m.close()


# ------------------------------------------------------------------ the guest

LINE = re.compile(rb'T=([0-9a-f]{8}) P=([0-9a-f]{8}) E=([0-9a-f]{8})\n')


class Guest:
    """One QEMU process with the guest of guest.S, or waiting for it."""

    def __init__(self, name, wd, mem, fill, dirty=0, verify=0, incoming=False,
                 creds=None, pki=None, prealloc=True, downtime=300, extra=()):
        self.name, self.fill, self.wd = name, fill, wd
        self.serial = os.path.join(wd, name + '.serial')
        self.errlog = os.path.join(wd, name + '.stderr')
        sock = os.path.join(wd, name + '.qmp')
        # prealloc: on this kind of host (lazily backed VM memory) the first touch of a
        # page can cost more than all of the migration, and at random; see README
        argv = [QEMU, '-name', name, '-accel', 'tcg',
                '-object', f'memory-backend-ram,id=pc.ram,size={mem}M,prealloc={"on" if prealloc else "off"}',
                '-machine', 'pc,memory-backend=pc.ram', '-m', str(mem),
                '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none',
                '-serial', 'file:' + self.serial,
                '-kernel', guest_elf(wd),
                '-append', f'fill={fill} dirty={dirty} verify={verify}',
                '-qmp', f'unix:{sock},server=on,wait=off']
        end_ = 'server' if incoming else 'client'
        self.creds = creds
        if creds == 'x509':
            argv += ['-object', f'tls-creds-x509,id=tls0,dir={pki}/x509,'
                                f'endpoint={end_},verify-peer=on']
        elif creds == 'psk':
            argv += ['-object', f'tls-creds-psk,id=tls0,dir={pki}/psk,endpoint={end_}'
                     + ('' if incoming else ',username=qemu')]
        elif creds:                       # written out by the caller
            argv += ['-object', creds]
        if incoming:
            argv += ['-incoming', 'defer']
        argv += list(extra)
        self.argv = argv
        self.p = spawn(argv, stdout=subprocess.DEVNULL, stderr=open(self.errlog, 'wb'))
        try:
            self.q = QMP(sock)
        except Exception:
            end(self.p)
            raise HarnessError(f'{name}: no QMP; stderr: {self.stderr()}')
        caps = ['events']
        self.capabilities(*caps)
        params = {'max-bandwidth': BW, 'downtime-limit': downtime}
        if creds:
            params['tls-creds'] = 'tls0'
        self.q.cmd('migrate-set-parameters', params)

    def capabilities(self, *names):
        self.q.cmd('migrate-set-capabilities',
                   {'capabilities': [{'capability': n, 'state': True} for n in names]})

    def stderr(self):
        with open(self.errlog, 'rb') as f:
            return f.read().decode(errors='replace').strip()

    def out(self):
        try:
            with open(self.serial, 'rb') as f:
                return f.read()
        except FileNotFoundError:
            return b''

    def wait_ready(self, timeout=120.0, ticks=3):
        t = time.monotonic() + timeout
        while True:
            o = self.out()
            if b'READY\n' in o and len(LINE.findall(o)) >= ticks:
                return
            if self.p.poll() is not None:
                raise HarnessError(f'{self.name} ended with {self.p.returncode}: {self.stderr()}')
            if time.monotonic() > t:
                raise HarnessError(f'{self.name}: guest not ready; serial: {o[-200:]!r}')
            time.sleep(0.05)

    def wait_lines(self, n, timeout=15.0):
        t = time.monotonic() + timeout
        while len(LINE.findall(self.out())) < n:
            if time.monotonic() > t or self.p.poll() is not None:
                return False
            time.sleep(0.05)
        return True

    def migrate(self, uri, wait=120.0):
        """Outgoing; returns the final status ('timeout' if none came)."""
        self.q.cmd('migrate', {'uri': uri})
        return self.wait_migrated(wait) if wait else None

    def wait_migrated(self, timeout=120.0):
        e = self.q.wait_event(
            lambda e: e['event'] == 'MIGRATION' and
            e['data']['status'] in ('completed', 'failed', 'cancelled'), timeout)
        return e['data']['status'] if e else 'timeout'

    def info(self):
        """query-migrate; QEMU fills in the totals a moment after "completed"."""
        for _ in range(50):
            i = self.q.cmd('query-migrate')
            if i.get('status') != 'completed' or (i.get('total-time') and i['ram']['mbps']):
                break
            time.sleep(0.01)
        return i

    def ram_sha(self):
        """SHA-256 of the filled region, guest stopped or not (it is constant)."""
        f = os.path.join(self.wd, self.name + '.ram')
        self.q.cmd('pmemsave', {'val': FILL_BASE, 'size': self.fill << 20, 'filename': f})
        h = hashlib.sha256()
        with open(f, 'rb') as fh:
            while b := fh.read(1 << 20):
                h.update(b)
        os.unlink(f)
        return h.hexdigest()

    def close(self):
        with contextlib.suppress(Exception):
            self.q.close()
        end(self.p)


def continuity(src, dst, more=10):
    """The two serial logs glued together must be one seamless count.

    Returns (ok, text).  A line cut by the migration is whole again here.
    """
    glued = src + dst
    head, _, body = glued.partition(b'READY\n')
    want = None
    pos = n = 0
    for m in LINE.finditer(body):
        if m.start() != pos:
            return False, f'junk in the serial output at {pos}: {body[pos:m.start()][:60]!r}'
        pos = m.end()
        t, e = int(m[1], 16), int(m[3], 16)
        if e:
            return False, f'the guest found {e} wrong words at tick {t}'
        if want is not None and t != want:
            return False, f'tick {t} after {want - 1}'
        want, n = t + 1, n + 1
    nd = len(LINE.findall(dst))
    if b'READY' in dst:
        return False, 'the destination booted anew'
    if nd < more:
        return False, f'only {nd} lines at the destination'
    ns = len(LINE.findall(src))
    return True, f'ticks ..{ns} | {ns + 1}..{n}'
