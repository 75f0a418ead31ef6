"""TLS for the tests: certificates by openssl, a line of SIP over TLS, and bridges between TLS and the plain TCP of a SIPp that
was built without it."""

import contextlib
import itertools
import pathlib
import re
import select
import socket
import ssl
import subprocess
import threading
import time

from harness import HOST, Failure, check

_numbers = itertools.count(1)

# What `openssl ca` wants to know.
CONFIG = """
[ca]
default_ca = here
[here]
database = {name}.index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
certificate = {name}.pem
private_key = {name}.key
[any]
commonName = supplied
"""


class Authority:
    """A CA of its own folder; `issue` gives certificates with their keys."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = pathlib.Path(folder), name
        self.pem = self.folder / f"{name}.pem"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem",
        )
        (self.folder / f"{name}.cnf").write_text(CONFIG.format(name=name))
        (self.folder / f"{name}.index").touch()

    def issue(self, name, *names, days=30, key="ec"):
        """A certificate of these names (subjectAltName), and its key; `days` below 0: one that has expired."""
        alternative = ",".join(("IP:" if re.fullmatch(r"[\d.]+", entry) else "DNS:") + entry for entry in names)
        kind = ["-newkey", "rsa:2048"] if key == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self._openssl("req", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n")
        # A year before its end, so that one that has expired was valid once.
        begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 86_400 * day)) for day in (days - 365, days))
        self._openssl(
            "ca", "-batch", "-notext", "-config", f"{self.name}.cnf", "-in", f"{name}.csr", "-extfile", f"{name}.ext",
            "-startdate", begin, "-enddate", end, "-out", f"{name}.pem",
        )
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _openssl(self, *words):
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True)
        check(done.returncode == 0, f"openssl {words[0]}: {done.stderr[-500:]}")


def client(authority, own=None):
    """What connects to the engine: it trusts this CA, and shows this certificate."""
    context = ssl.create_default_context(cafile=authority.pem)
    if own:
        context.load_cert_chain(*own)
    return context


def server(own, clients=None):
    """What the engine connects to: it shows this certificate, and asks for one of this CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*own)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.pem)
    return context


class Line:
    """A connection to the engine that speaks SIP over TLS."""

    def __init__(self, port, context, name="localhost"):
        self.socket = context.wrap_socket(socket.create_connection((HOST, port), 5), server_hostname=name)
        self.socket.settimeout(8)
        self.port, self.heard = port, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request(self, method, user="800", extra="", body="", scheme="sip", number=1):
        """Sends a request outside any dialog; answers with its Call-ID."""
        turn = next(_numbers)
        call_id = f"tls-{turn}"
        host, own = self.socket.getsockname()
        body_type = "Content-Type: application/sdp\r\n" if body else ""
        text = (
            f"{method} {scheme}:{user}@{HOST}:{self.port} SIP/2.0\r\n"
            f"Via: SIP/2.0/TLS {host}:{own};branch=z9hG4bKtls{turn}\r\nMax-Forwards: 70\r\n"
            f"From: <{scheme}:{user}@{HOST}>;tag=tls{turn}\r\nTo: <{scheme}:{user}@{HOST}>\r\nCall-ID: {call_id}\r\n"
            f"CSeq: {number} {method}\r\nContact: <{scheme}:{user}@10.9.9.9:5061>\r\n{extra}{body_type}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self.socket.sendall(text.encode())
        return call_id

    def message(self):
        """The next message, as text; empty when the connection is closed."""
        while b"\r\n\r\n" not in self.heard:
            more = self.socket.recv(65_536)
            if not more:
                return ""
            self.heard += more
        head, rest = self.heard.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"^(?:Content-Length|l) *: *(\d+)", head, re.M | re.I)[1])
        while len(rest) < length:
            rest += self.socket.recv(65_536)
        self.heard = rest[length:]
        return (head + b"\r\n\r\n" + rest[:length]).decode()

    def final(self):
        """The status of the next final response, with its text."""
        while True:
            message = self.message()
            status = int(message.split()[1]) if message.startswith("SIP/2.0 ") else None
            if status is None or status >= 200:
                return status, message

    def certificate(self):
        """The name in the certificate that the engine has shown."""
        return dict(pair[0] for pair in self.socket.getpeercert()["subject"])["commonName"]


class Bridge:
    """Connects what comes at `port` with a far end: plain TCP on one side, TLS on the other."""

    def __init__(self, target, outside=None, inside=None, name="localhost"):
        """`outside` is what is shown to those that come, `inside` how the far end is reached; each of them plain when None."""
        self.target, self.outside, self.inside, self.name = target, outside, inside, name
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.lines = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Hangs up on everybody."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for line in self.lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(line,), daemon=True).start()

    def _connect(self, line):
        with contextlib.suppress(OSError, ssl.SSLError):
            near = self.outside.wrap_socket(line, server_side=True) if self.outside else line
            far = socket.create_connection((HOST, self.target), 5)
            far.settimeout(None)
            far = self.inside.wrap_socket(far, server_hostname=self.name) if self.inside else far
            self.lines += [near, far]
            carry(near, far)


def carry(one, other):
    """Carries what each says to the other, until either is gone. In one thread: a TLS socket is not read and written at once."""
    far = {one: other, other: one}
    try:
        while True:
            ready, _, _ = select.select([one, other], [], [])
            for line in ready:
                line.setblocking(False)
                try:
                    # What TLS holds already is not seen by select.
                    data = line.recv(65_536)
                    while isinstance(line, ssl.SSLSocket) and line.pending():
                        data += line.recv(65_536)
                except (ssl.SSLWantReadError, BlockingIOError):
                    continue
                if not data:
                    return
                far[line].settimeout(10)
                far[line].sendall(data)
    except (OSError, ValueError):
        pass
    finally:
        for line in (one, other):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class Answers:
    """A neighbour by TLS that answers every request with 200; `context` is what it shows to those that come from then on."""

    def __init__(self, context):
        self.context = context
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            line, _ = self.listener.accept()
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line):
        with contextlib.suppress(OSError, ssl.SSLError):
            line = self.context.wrap_socket(line, server_side=True)
            heard = b""
            while more := line.recv(65_536):
                heard += more
                while b"\r\n\r\n" in heard:
                    head, heard = heard.split(b"\r\n\r\n", 1)
                    kept = [text for text in head.split(b"\r\n") if re.match(rb"Via|From|To|Call-ID|CSeq", text)]
                    line.sendall(b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0\r\n\r\n"]))


def refused(port, context, name="localhost"):
    """Why the engine does not take a connection: what it says in the handshake, or to the first word behind it."""
    try:
        with Line(port, context, name) as line:
            line.request("OPTIONS")
            if line.message() == "":
                return "closed"
    except (ssl.SSLError, OSError) as error:
        return str(error)
    raise Failure("the engine takes the connection")
