"""A few lines of SIP over UDP for the tests: one request, its responses, a neighbour that answers OPTIONS."""

import itertools
import re
import socket
import threading
import time

_numbers = itertools.count(1)


class Peer:
    """A UDP socket that sends requests and reads responses."""

    def __init__(self, engine_port, host="127.0.0.1", port=0):
        self.engine = ("127.0.0.1", engine_port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.host, self.port = self.socket.getsockname()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, datagram):
        """Sends bytes to the engine."""
        self.socket.sendto(datagram, self.engine)

    def request(self, method, user="ping", extra="", body=""):
        """Sends a request outside any dialog; answers with its Call-ID."""
        number = next(_numbers)
        call_id = f"e2e-{number}-{self.port}"
        text = (
            f"{method} sip:{user}@{self.engine[0]}:{self.engine[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKe2e{number}\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: <sip:e2e@{self.host}>;tag=e2e{number}\r\n"
            f"To: <sip:{user}@{self.engine[0]}>\r\n"
            f"Call-ID: {call_id}\r\n"
            f"CSeq: 1 {method}\r\n"
            f"Contact: <sip:e2e@{self.host}:{self.port}>\r\n"
            f"{extra}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self.send(text.encode())
        return call_id

    def request_and_cancel(self, user):
        """An INVITE with its CANCEL right behind it, in this order on the wire; answers with the number of finals to come: 2."""
        number = next(_numbers)
        for method in ("INVITE", "CANCEL"):
            contact = f"Contact: <sip:e2e@{self.host}:{self.port}>\r\n" if method == "INVITE" else ""
            text = (
                f"{method} sip:{user}@{self.engine[0]}:{self.engine[1]} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKe2e{number}\r\n"
                f"Max-Forwards: 70\r\n"
                f"From: <sip:e2e@{self.host}>;tag=e2e{number}\r\n"
                f"To: <sip:{user}@{self.engine[0]}>\r\n"
                f"Call-ID: e2e-{number}-{self.port}\r\n"
                f"CSeq: 1 {method}\r\n"
                f"{contact}Content-Length: 0\r\n\r\n"
            )
            self.send(text.encode())
        return 2

    def responses(self, seconds, is_last=lambda code: code >= 200):
        """Responses as (code, text), until one is the last or the time is over."""
        found = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                datagram, _ = self.socket.recvfrom(65_535)
            except TimeoutError:
                break
            match = re.match(rb"SIP/2\.0 (\d{3}) ", datagram)
            if match is None:
                continue
            found.append((int(match[1]), datagram.decode(errors="replace")))
            if is_last(found[-1][0]):
                break
        return found

    def final(self, seconds=5.0):
        """The final response's code and text; (None, "") when none came."""
        found = [response for response in self.responses(seconds) if response[0] >= 200]
        return found[-1] if found else (None, "")

    def ping(self):
        """The code that an OPTIONS gets."""
        self.request("OPTIONS")
        return self.final()[0]


class Options(threading.Thread):
    """A neighbour that answers OPTIONS with 200 while it is switched on, and everything else never."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.is_on = False
        self.start()

    def run(self):
        while True:
            datagram, source = self.socket.recvfrom(65_535)
            if not self.is_on or not datagram.startswith(b"OPTIONS "):
                continue
            kept = [line for line in datagram.split(b"\r\n") if re.match(rb"(Via|From|Call-ID|CSeq):", line)]
            to = next(line for line in datagram.split(b"\r\n") if line.startswith(b"To:"))
            lines = [b"SIP/2.0 200 OK", *kept, to + b";tag=n", b"Content-Length: 0", b"", b""]
            self.socket.sendto(b"\r\n".join(lines), source)
