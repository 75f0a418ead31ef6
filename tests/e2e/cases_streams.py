"""Cases about SIP over TCP: calls of SIPp by one connection, and what a connection may not do."""

import socket

from cases_calls import CALLERS, ON_AGENT, agents, expect_all_ok, phones, queue
from harness import HOST, check

TCP = "tcp = true\n"
# The scenarios say UDP.
TRANSPORT = ("SIP/2.0/UDP", "SIP/2.0/[transport]")


def calls_by_tcp_on_both_sides(bench):
    """25 a second from a SIPp by one connection to agents behind a peer by TCP; the engine's totals are SIPp's own."""
    count = bench.calls(200)
    agent = bench.sipp("agent", d=0, t="t1", replace=TRANSPORT)
    peer = phones("phones", agent.port, 'transport = "tcp"')
    config = TCP + CALLERS + peer + queue("main", 800, ON_AGENT) + agents("1001-1050", "phones", "main")
    for shards in (1, 2):
        engine = bench.engine(config, "warn", shards=shards)
        caller = bench.sipp("caller", engine.sip, s="800", d=150, r=25, m=count, t="t1", replace=TRANSPORT)
        expect_all_ok(caller, caller.wait(count / 25 + 40), count)
        engine.settle()
        check(engine.queue("main")["answered"] == count, "every call is answered")
        check(engine.stop() == 0, "it drains")


def what_a_connection_may_not_do(bench):
    """Whoever sends no SIP, no Content-Length or too much is hung up on; a ping is answered; others live on."""
    engine = bench.engine(TCP + CALLERS + queue("main", 800), "warn")
    with connect(engine) as line:
        line.sendall(b"\r\n\r\n")
        check(line.recv(10) == b"\r\n", "a ping is answered")
        for bad in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01", options(""), b"OPTIONS sip:a SIP/2.0\r\nX: " + b"y" * 70_000):
            with connect(engine) as other:
                other.sendall(bad)
                check(is_closed(other), f"{bad[:20]} ends the connection")
        half = options("Content-Length: 0\r\n")
        line.sendall(half[:30])
        line.sendall(half[30:])
        check(line.recv(2000).startswith(b"SIP/2.0 200 OK"), "OPTIONS in two halves is answered")


def connect(engine):
    line = socket.create_connection((HOST, engine.sip), 5)
    line.settimeout(5)
    return line


def is_closed(line):
    try:
        return line.recv(2000) == b""
    except ConnectionError:
        return True


def options(length):
    """An OPTIONS with this line about its length."""
    return (
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKo\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\n"
        f"Call-ID: by-tcp\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{length}\r\n"
    ).encode()


CASES = [calls_by_tcp_on_both_sides, what_a_connection_may_not_do]
