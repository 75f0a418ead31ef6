"""A flooder for the tests: REGISTER, INVITE and garbage from very many addresses of loopback, and what comes back, byte by byte."""

import collections
import hashlib
import itertools
import os
import random
import re
import select
import socket
import threading
import time

REALM = "strowger"


def md5(text):
    """Its digest, in hexadecimal."""
    return hashlib.md5(text.encode()).hexdigest()


def credentials(user, password, nonce, uri, method="REGISTER", count="00000001"):
    """The value of an Authorization (MD5, qop=auth)."""
    secret, request = md5(f"{user}:{REALM}:{password}"), md5(f"{method}:{uri}")
    response = md5(f"{secret}:{nonce}:{count}:abc:auth:{request}")
    return (
        f'Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{uri}", qop=auth, nc={count}, '
        f'cnonce="abc", response="{response}", algorithm=MD5'
    )


def nonce_of(challenge):
    """The nonce of a 401."""
    return re.search(r'nonce="([^"]*)"', challenge)[1]


class Source:
    """One address and port that sends, with what has gone out and come back."""

    def __init__(self, host):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.host, self.port = self.socket.getsockname()
        self.sent = self.received = 0

    def request(self, number, method, uri, user, extra="", agent="Scanner 1.0"):
        """The text of a request."""
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bKf{number};rport\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: <sip:{user}@{REALM}>;tag=f{number}\r\n"
            f"To: <sip:{user}@{REALM}>\r\n"
            f"Call-ID: f{number}\r\n"
            f"CSeq: 1 {method}\r\n"
            f"Contact: <sip:{user}@{self.host}:{self.port}>\r\n"
            f"User-Agent: {agent}\r\n"
            f"{extra}"
            "Content-Length: 0\r\n\r\n"
        )


class Flood(threading.Thread):
    """So many datagrams a second from these hosts, with `ports` on each, until it is told to stop.

    `users` are guessed; `peer` is a host that must prove itself by digest as `trunk`; `replayed` are credentials of
    2003 that were good once.
    """

    def __init__(self, engine, hosts, ports, rate, users, peer, replayed):
        super().__init__(daemon=True)
        self.engine, self.rate, self.users, self.replayed = engine, rate, users, replayed
        self.uri = f"sip:{engine[0]}:{engine[1]}"
        self.sources = [Source(host) for host in hosts for _ in range(ports)]
        self.peers = [Source(peer) for _ in range(ports)]
        self.by_socket = {source.socket: source for source in self.sources + self.peers}
        self.codes = collections.Counter()
        self.sent, self.nonces = 0, {}
        self.draw, self.numbers = random.Random(5060), itertools.count(1)
        self.is_over = False

    def run(self):
        poll = select.epoll()
        files = {one.fileno(): source for one, source in self.by_socket.items()}
        for file in files:
            poll.register(file, select.EPOLLIN)
        begin = time.monotonic()
        turn = 0
        while not self.is_over:
            due = int((time.monotonic() - begin) * self.rate) - turn
            # What could not be sent in time is not made up for at once.
            for _ in range(min(due, 200)):
                self.send(turn)
                turn += 1
            if due > 200:
                begin += (due - 200) / self.rate
            for file, _ in poll.poll(0.002, 4_000):
                self.read(files[file])
        poll.close()

    def send(self, turn):
        """One of the kinds, in turn: what they are stands in the method."""
        kind, number = turn % 8, next(self.numbers)
        source = self.draw.choice(self.peers if kind == 6 else self.sources)
        user = self.draw.choice(self.users)
        forged = f"{self.draw.getrandbits(128):032x}"
        proof = lambda value: f"Authorization: {value}\r\n"
        text = {
            0: lambda: source.request(number, "REGISTER", self.uri, user),
            1: lambda: source.request(number, "REGISTER", self.uri, user, proof(credentials(user, f"guess{turn}", self.nonce(source), self.uri))),
            2: lambda: source.request(number, "REGISTER", self.uri, user, proof(credentials(user, "guess", forged, self.uri))),
            3: lambda: source.request(number, "REGISTER", self.uri, "2003", proof(self.replayed)),
            4: lambda: source.request(number, "INVITE", f"sip:800@{self.engine[0]}:{self.engine[1]}", user),
            5: lambda: source.request(number, self.draw.choice(["OPTIONS", "SUBSCRIBE", "MESSAGE", "BYE"]), self.uri, user),
            6: lambda: self.as_peer(source, number, turn),
            7: lambda: self.claim(source, number, user) if turn % 16 == 7 else None,
        }[kind]()
        data = self.draw.randbytes(self.draw.randrange(1, 400)) if text is None else text.encode()
        try:
            source.socket.sendto(data, self.engine)
        except BlockingIOError:
            return
        source.sent += len(data)
        self.sent += 1

    def as_peer(self, source, number, turn):
        """From the address of a peer that must prove itself: with nothing, and with a wrong password."""
        uri = f"sip:800@{self.engine[0]}:{self.engine[1]}"
        guess = credentials("trunk", f"guess{turn}", self.nonce(source), uri, "INVITE")
        return source.request(number, "INVITE", uri, "x", f"Authorization: {guess}\r\n" if turn % 16 == 6 else "")

    def claim(self, source, number, user):
        """A BYE of a call that is none."""
        tag = f"{self.draw.getrandbits(34):x}-{self.draw.getrandbits(64):016x}"
        return source.request(number, "BYE", self.uri, user).replace("\r\nCall-ID", f";tag={tag}\r\nCall-ID", 1)

    def nonce(self, source):
        """The latest that the engine made for this host, once there is one: it is good for no other."""
        return self.nonces.get(source.host, "0" * 32)

    def read(self, source):
        """Takes all that has come to a source."""
        while True:
            try:
                data = source.socket.recv(65_535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            source.received += len(data)
            self.codes[data[8:11].decode(errors="replace")] += 1
            if b"nonce=" in data:
                self.nonces[source.host] = nonce_of(data.decode(errors="replace"))

    def stop(self):
        """Ends it; what is still on its way is read."""
        self.is_over = True
        self.join()
        time.sleep(0.3)
        for source in self.by_socket.values():
            self.read(source)

    def close(self):
        """Gives the sockets back."""
        for source in self.by_socket.values():
            source.socket.close()


class Phone:
    """A phone that registers again and again, as phones do: repeats itself after half a second and more, until it is answered."""

    def __init__(self, engine, host, user, password):
        self.engine, self.user, self.password = engine, user, password
        self.uri = f"sip:{engine[0]}:{engine[1]}"
        self.source = Source(host)
        self.tag, self.number, self.proof = os.urandom(4).hex(), 0, None

    def ask(self, extra, seconds):
        """One REGISTER and its final answer."""
        self.number += 1
        text = self.source.request(f"{self.tag}{self.number}", "REGISTER", self.uri, self.user, extra, agent="Phone 1.0")
        deadline, wait = time.monotonic() + seconds, 0.5
        while time.monotonic() < deadline:
            self.source.socket.sendto(text.encode(), self.engine)
            found, _, _ = select.select([self.source.socket], [], [], wait)
            wait = min(2 * wait, 4)
            if found:
                data = self.source.socket.recv(65_535).decode(errors="replace")
                if data.startswith("SIP/2.0 ") and f"Call-ID: f{self.tag}{self.number}\r" in data:
                    return data
                if data.startswith("OPTIONS "):
                    self.answer(data)
        return ""

    def answer(self, request):
        """200 for the OPTIONS that asks whether the phone is there."""
        kept = re.findall(r"^(?:Via|From|Call-ID|CSeq): .*\r$", request, re.M)
        to = re.search(r"^To: .*?(?=\r$)", request, re.M)[0]
        lines = ["SIP/2.0 200 OK\r", *kept, f"{to};tag=n\r", "Content-Length: 0\r", "\r", ""]
        self.source.socket.sendto("\n".join(lines).encode(), self.engine)

    def register(self, seconds=20):
        """Registers; the status, and how long that took."""
        begin = time.monotonic()
        asked = self.ask("Expires: 600\r\n", seconds)
        if not asked.startswith("SIP/2.0 401"):
            return asked[8:11], time.monotonic() - begin
        self.proof = credentials(self.user, self.password, nonce_of(asked), self.uri)
        told = self.ask(f"Expires: 600\r\nAuthorization: {self.proof}\r\n", seconds)
        return told[8:11], time.monotonic() - begin
