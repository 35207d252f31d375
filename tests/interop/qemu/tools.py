# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two tools as child processes: their arguments, how they end, what they say.

The programs are $QIO_RECV and $QIO_SEND; else those of the build directory
$QIO_BUILD or $top_builddir; else the newest under build/ of the source tree.
"""
import glob
import json
import os
import re
import subprocess
import sys
import time

from qlib import HERE, HarnessError, spawn

TOP = os.path.abspath(os.path.join(HERE, '..', '..', '..'))


def program(role):
    """Path of qio-migrate-ROLE; ends the script with 77 when it is not built."""
    name = 'qio-migrate-' + role
    given = os.environ.get('QIO_' + role.upper())
    if given:
        return given
    build = os.environ.get('QIO_BUILD') or os.environ.get('top_builddir')
    if build:
        found = [os.path.join(build, 'examples', name)]
    else:
        found = sorted(glob.glob(os.path.join(TOP, 'build', '*', 'examples', name)),
                       key=os.path.getmtime, reverse=True)
    for path in found:
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    print(f'{name} is not built')
    sys.exit(77)


def creds(kind, end, pki):
    """The options for TLS of one kind; none for 'plain'."""
    if kind == 'plain':
        return []
    text = f'tls-creds-{kind},id=tls0,endpoint={end},dir={pki}/{kind},verify-peer=on'
    if kind == 'psk' and end == 'client':
        text += ',username=qemu'
    args = ['--object', text, '--tls-creds', 'tls0']
    if kind == 'x509' and end == 'client':
        args += ['--tls-hostname', 'localhost']
    return args


class Tool:
    """One run; its CPU time comes from wait4."""

    def __init__(self, role, wd, args, tag='', **kw):
        self.role = role
        self.name = role + tag
        self.log = os.path.join(wd, self.name + '.log')
        self.argv = [program(role)] + list(args)
        kw.setdefault('stdout', subprocess.DEVNULL)
        with open(self.log, 'wb') as f:
            self.p = spawn(self.argv, stderr=f, **kw)
        self.cpu = None

    def address(self, timeout=20.0):
        """The URI on which it listens, once it does."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            m = re.search(r'listening on (\S+)', self.said())
            if m:
                return m[1]
            if self.wait(0) is not None:
                break
            time.sleep(0.01)
        raise HarnessError(f'{self.name} does not listen: {self.said()}')

    def wait(self, timeout):
        """Exit status (negative: signal), None if it is still running."""
        t = time.monotonic() + timeout
        while True:
            if self.p.returncode is not None:
                return self.p.returncode
            pid, st, ru = os.wait4(self.p.pid, os.WNOHANG)
            if pid:
                self.p.returncode = os.waitstatus_to_exitcode(st)
                self.cpu = ru.ru_utime + ru.ru_stime
                return self.p.returncode
            if time.monotonic() > t:
                return None
            time.sleep(0.01)

    def said(self):
        with open(self.log, 'rb') as f:
            t = f.read().decode(errors='replace')
        return re.sub(r'\s+', ' ', t).strip()[-400:]

    def complaint(self):
        """The line that tells why it failed."""
        with open(self.log, 'rb') as f:
            lines = f.read().decode(errors='replace').splitlines()
        return '\n'.join(x for x in lines if 'listening on' not in x)

    def close(self):
        if self.p.returncode is None:
            self.p.terminate()
            if self.wait(3) is None:
                self.p.kill()
                self.wait(5)


def result(path):
    """What --json said into that file."""
    with open(path) as f:
        return json.load(f)
