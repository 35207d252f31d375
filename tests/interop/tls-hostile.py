# SPDX-License-Identifier: LGPL-2.1-or-later
"""tls-hostile.py PORT PKI-DIR, for tls-hostile.sh: what no TLS client would send, each on a connection of
its own, to an echo server. A line for each: ok or FAIL. The server has to end
every connection, or leave it alone while it waits for more, and must never
answer with what is no TLS record, nor with the marker that is sent in clear."""
import socket
import ssl
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

PORT = int(sys.argv[1])
MARKER = b"EVIL-MARKER"
ALERT, HANDSHAKE, DATA, CCS = 21, 22, 23, 20
# The server gives a handshake five seconds.
PATIENCE = 9


def record(kind, body, version=0x0303):
    return struct.pack("!BHH", kind, version, len(body)) + body


def client_hello():
    """What OpenSSL would say, without the record's header."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()[5:]


HELLO = client_hello()


def talk(pieces):
    """Send, then read to the end: (bytes, how it ended)."""
    s = socket.create_connection(("127.0.0.1", PORT), PATIENCE)
    got = b""
    how = "closed"
    try:
        for piece in pieces:
            s.sendall(piece)
    except socket.timeout:
        how = "hangs"
    except (ConnectionResetError, BrokenPipeError):
        # It does not read to the end of what it refuses: what it answered
        # before is still there to be read.
        how = "reset"
    try:
        while chunk := s.recv(65536):
            got += chunk
    except socket.timeout:
        how = "hangs"
    except (ConnectionResetError, BrokenPipeError):
        how = "reset"
    s.close()
    return got, how


def records(data):
    """Kinds and bodies; None when it is no sequence of records."""
    found = []
    while data:
        if len(data) < 5:
            return None
        kind, version, size = struct.unpack("!BHH", data[:5])
        if kind not in (ALERT, HANDSHAKE, DATA, CCS) or version >> 8 != 3:
            return None
        found.append((kind, data[5:5 + size]))
        data = data[5 + size:]
    return found


def judge(name, pieces, answered):
    got, how = talk(pieces)
    found = records(got)
    bad = None
    if how == "hangs":
        bad = "the server keeps the connection"
    elif MARKER in got:
        bad = "the plaintext comes back"
    elif found is None:
        bad = "the answer is no TLS: %r" % got[:40]
    elif how == "reset" and not found:
        # A reset overtakes what had not left the server yet.
        bad = None
    elif answered != any(k == HANDSHAKE for k, _ in found):
        bad = "a handshake message: %r" % [k for k, _ in found]
    return "FAIL %s: %s" % (name, bad) if bad else "ok   " + name


def hello_with(**changes):
    """The hello with its version or length changed."""
    body = bytearray(HELLO)
    if "version" in changes:
        body[4:6] = changes["version"]
    if "size" in changes:
        body[1:4] = changes["size"].to_bytes(3, "big")
    if "session" in changes:
        body[38] = changes["session"]
    return bytes(body)


def cases():
    whole = record(HANDSHAKE, HELLO)
    yield "plaintext", [MARKER * 100]
    yield "HTTP", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + MARKER]
    yield "SSLv2 hello", [b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"
                          + b"\x01\x00\x80\x02\x00\x80\x03\x00\x80" * 4]
    yield "data first", [record(DATA, MARKER)]
    yield "data of no length, many", [record(DATA, b"") * 5000]
    yield "change cipher spec first, many", [record(CCS, b"\x01") * 5000]
    yield "an empty record, many", [record(HANDSHAKE, b"") * 5000]
    yield "warnings, many", [record(ALERT, b"\x01\x5a") * 5000]
    yield "a fatal alert", [record(ALERT, b"\x02\x28")]
    yield "an alert of no length", [record(ALERT, b"")]
    yield "half an alert", [record(ALERT, b"\x01") * 100]
    yield "a record of an unknown kind", [record(99, MARKER)]
    yield "a heartbeat", [record(24, b"\x01\x40\x00" + MARKER)]
    yield "a record that is too long", [
        struct.pack("!BHH", HANDSHAKE, 0x0303, 0x4801) + bytes(0x4801)]
    yield "a record of 65535", [
        struct.pack("!BHH", HANDSHAKE, 0x0303, 0xffff) + bytes(0xffff)]
    yield "a hello that promises 16 MiB", [
        record(HANDSHAKE, b"\x01\xff\xff\xff" + bytes(16000)) +
        record(HANDSHAKE, bytes(16000)) * 40]
    yield "a hello that is cut", [whole[:-10]]
    yield "a hello whose length lies", [
        record(HANDSHAKE, hello_with(size=len(HELLO)))
        + record(HANDSHAKE, bytes(8))]
    yield "a session ID that is too long", [
        record(HANDSHAKE, hello_with(session=255))]
    yield "SSL 3.0", [record(HANDSHAKE, HELLO[:4] + b"\x03\x00" + bytes(32)
                             + b"\x00\x00\x02\x00\x35\x01\x00", 0x0300)]
    yield "another handshake message", [
        record(HANDSHAKE, b"\x14\x00\x00\x0c" + bytes(12))]
    yield "a key update first", [record(HANDSHAKE, b"\x18\x00\x00\x01\x01")]
    yield "a hello request", [record(HANDSHAKE, b"\x00\x00\x00\x00")]
    yield "an empty record within a hello", [
        record(HANDSHAKE, HELLO[:20]) + record(HANDSHAKE, b"") * 2]


def cases_with_answer():
    whole = record(HANDSHAKE, HELLO)
    finished = record(HANDSHAKE, b"\x14\x00\x00\x0c" + bytes(12))
    yield "data behind the hello", [whole + record(DATA, MARKER)]
    yield "plaintext behind the hello", [whole + MARKER * 50]
    yield "early data, much", [whole + record(DATA, bytes(16000)) * 64]
    yield "a second hello", [whole + whole]
    yield "a hello in one record with more", [
        record(HANDSHAKE, HELLO + b"\x14\x00\x00\x0c" + bytes(12))]
    yield "finished in clear", [whole + record(CCS, b"\x01") + finished]
    yield "change cipher spec behind it, many", [
        whole + record(CCS, b"\x01") * 5000]
    yield "a key update in clear", [
        whole + record(HANDSHAKE, b"\x18\x00\x00\x01\x01")]
    yield "a hello, then silence", [whole]
    yield "a hello in crumbs, then silence", [
        record(HANDSHAKE, HELLO[i:i + 7]) for i in range(0, len(HELLO), 7)]


class Session:
    """A client whose records are in our hands."""

    def __init__(self, pki):
        context = ssl.create_default_context(cafile=pki + "/ca-cert.pem")
        context.load_cert_chain(pki + "/client-cert.pem",
                                pki + "/client-key.pem")
        self.inside, self.outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.inside, self.outside,
                                    server_hostname="localhost")
        self.socket = socket.create_connection(("127.0.0.1", PORT), PATIENCE)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outside.read())
                self.inside.write(self.socket.recv(65536))
        self.socket.sendall(self.outside.read())

    def sealed(self, data):
        self.tls.write(data)
        return self.outside.read()

    def echo(self, data):
        self.socket.sendall(self.sealed(data))
        got = b""
        while len(got) < len(data):
            try:
                got += self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.inside.write(self.socket.recv(65536))
        return got == data

    def end(self, raw):
        """Send it, read to the end: everything that came in clear, and
        whether it ended."""
        try:
            self.socket.sendall(raw)
            got = b""
            while chunk := self.socket.recv(65536):
                got += chunk
            return got, True
        except socket.timeout:
            return got, False
        except (ConnectionResetError, BrokenPipeError):
            return got, True
        finally:
            self.socket.close()


def tampered(s):
    raw = bytearray(s.sealed(MARKER))
    raw[-3] ^= 1
    return bytes(raw)


def twice(s):
    raw = s.sealed(b"once")
    return raw + raw


def left_out(s):
    s.sealed(b"never sent")
    return s.sealed(MARKER)


WITHIN = {
    "a changed record": tampered,
    "a record sent twice": twice,
    "a record left out": left_out,
    "plaintext": lambda s: MARKER * 10,
    "data in clear": lambda s: record(DATA, MARKER),
    "an alert in clear": lambda s: record(ALERT, b"\x01\x00"),
    "a key update in clear":
        lambda s: record(HANDSHAKE, b"\x18\x00\x00\x01\x01"),
    "a hello": lambda s: record(HANDSHAKE, HELLO),
    "change cipher spec, many": lambda s: record(CCS, b"\x01") * 5000,
    "a record of 65535": lambda s: struct.pack("!BHH", DATA, 0x0303, 0xffff)
        + bytes(0xffff),
}


def within(name, make, pki):
    """In a session that works."""
    s = Session(pki)
    bad = None
    if not s.echo(b"hello there"):
        bad = "no echo before"
    got, ended = s.end(make(s))
    found = records(got)
    if not ended:
        bad = "the server keeps the connection"
    elif MARKER in got or found is None:
        bad = "something comes in clear: %r" % got[:40]
    elif any(k not in (ALERT, DATA) for k, _ in found):
        bad = "neither alert nor data: %r" % [k for k, _ in found]
    return ("FAIL" if bad else "ok  ") + " in a session: %s%s" % (
        name, ": " + bad if bad else "")


def main():
    given = [(name, pieces, False) for name, pieces in cases()]
    given += [(name, pieces, True) for name, pieces in cases_with_answer()]
    # Some wait for the server's patience to end.
    with ThreadPoolExecutor(40) as pool:
        results = list(pool.map(lambda case: judge(*case), given))
    results += [within(name, make, sys.argv[2])
                for name, make in WITHIN.items()]
    print("\n".join(results))


main()
