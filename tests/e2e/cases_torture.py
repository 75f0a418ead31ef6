"""Cases about bad input: every torture message of RFC 4475 and RFC 5118 over UDP, and noise; then a call still works."""

import random
import re

from cases_calls import CALLERS, agents, expect_all_ok, phones, queue
from harness import ROOT, check
from sip import Peer

TORTURE = ROOT / "tests" / "torture"
# "V" in the table: anything but these.
NOT_VALID = {400, 482, 500, 503, 505, 513}
# Nothing has come after so long when nothing will; the engine answers within a millisecond.
SILENCE_SECONDS = 0.5
DATAGRAM_MAX = 65_507


def every_torture_message(bench):
    """Each is answered as the table of tests/torture says, from an address of its own, and the engine lives on.

    Some share a branch and a sent-by, and are one transaction to an engine (RFC 3261 17.2.3): those go to another engine.
    """
    agent = bench.sipp("agent", d=0)
    config = (
        CALLERS.replace("127.0.0.1\"]", "127.0.0.0/8\"]")
        + phones("phones", agent.port).replace("127.0.0.2", "192.0.2.1")
        + queue("main", 800)
        + agents("1001-1005", "phones", "main")
    )
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in (TORTURE / "README.md").read_text().splitlines()
            if line.startswith("| ") and not line.startswith("| file")]
    check(len(rows) == 62, f"{len(rows)} rows")
    wrong = []
    engines = []
    for number, (name, _, verdict, _) in enumerate(rows):
        message = wire(name)
        engine = engine_that_does_not_know(transaction(message), engines, bench, config)
        got = answer(engine, message, f"127.0.1.{number + 1}")
        if not fits(got, verdict):
            wrong.append(f"{name}: {got or 'silence'}, not {verdict}")
    check(not wrong, "; ".join(wrong))
    for engine, _ in engines:
        expect_that_it_lives(bench, engine)


def engine_that_does_not_know(key, engines, bench, config):
    """The first engine that has had no request of this transaction; `engines` are pairs of engine and keys."""
    for engine, keys in engines:
        if key not in keys:
            keys.add(key)
            return engine
    engines.append((bench.engine(config, "warn"), {key}))
    return engines[-1][0]


def transaction(message):
    """What two requests of one transaction have in common: method, sent-by and branch."""
    via = re.search(rb"^(?:via|v)[ \t]*:([^,]*)", message, re.IGNORECASE | re.MULTILINE)
    branch = re.search(rb"branch[ \t]*=[ \t]*([^;,\s]+)", via[1]) if via else None
    return message.split(None, 1)[0], via_sent_by(message), branch[1] if branch else None


def noise(bench):
    """Random datagrams, cut and mixed messages."""
    agent = bench.sipp("agent", d=0)
    config = CALLERS + phones("phones", agent.port) + queue("main", 800) + agents("1001-1005", "phones", "main")
    engine = bench.engine(config, "warn")
    draw = random.Random(4475)
    files = [path.read_bytes() for path in sorted(TORTURE.glob("rfc*/*"))]
    with Peer(engine.sip) as peer:
        for _ in range(bench.calls(2000)):
            data = bytearray(draw.choice(files))
            for _ in range(draw.randrange(8)):
                at = draw.randrange(len(data))
                data[at : at + draw.randrange(20)] = draw.randbytes(draw.randrange(20))
            peer.send(bytes(data[: draw.choice([len(data), draw.randrange(len(data) + 1)])][:DATAGRAM_MAX]))
        for length in (0, 1, 2, 65_000):
            peer.send(draw.randbytes(length))
    expect_that_it_lives(bench, engine)


def a_cancel_right_behind_its_invite(bench):
    """The CANCEL never overtakes: it is answered 200, the INVITE 487, and no agent is left ringing."""
    agent = bench.sipp("agent", d=0)
    config = CALLERS + phones("phones", agent.port)
    config += queue("main", 800, 'answer = "on_agent"') + agents("1001-1005", "phones", "main", 'initial = "not-ready"')
    engine = bench.engine(config, "warn")
    for _ in range(20):
        with Peer(engine.sip) as peer:
            left = peer.request_and_cancel(800)
            codes = set()
            while left > 0:
                code, _ = peer.final()
                check(code is not None, f"both requests are answered, not only {codes}")
                codes.add(code)
                left -= 1
            check(codes == {200, 487}, f"200 for the CANCEL and 487 for the INVITE, not {codes}")
    check(engine.queue("main")["abandoned"] == 20, "twenty abandoned calls")


def expect_that_it_lives(bench, engine):
    """OPTIONS and a whole call."""
    with Peer(engine.sip) as peer:
        check(peer.ping() == 200, "OPTIONS is answered")
    caller = bench.sipp("caller", engine.sip, s="800", d=500, m=5)
    expect_all_ok(caller, caller.wait(20), 5)
    check(engine.queue("main")["answered"] >= 5, "calls are answered")
    check(engine.status("/healthz") == 200, "healthy")


def wire(name):
    """A message as it goes over the wire; RFC 5118's files end their lines with a bare LF."""
    path = TORTURE / "rfc4475" / f"{name}.dat"
    if path.exists():
        return path.read_bytes()
    data = (TORTURE / "rfc5118" / name).read_bytes().replace(b"\n", b"\r\n")
    return data if b"\r\n\r\n" in data else data + b"\r\n"


def answer(engine, message, host):
    """The code of the final response, None for silence. The response goes to the port in the top Via (RFC 3261 18.2.2)."""
    with Peer(engine.sip, host, via_port(message)) as peer:
        peer.send(message[:DATAGRAM_MAX])
        found = peer.responses(SILENCE_SECONDS)
    finals = [code for code, _ in found if code >= 200]
    # A provisional response alone means that the message was read and its call lives.
    return finals[0] if finals else (found[0][0] if found else None)


def via_port(message):
    """The port of the sent-by in the top Via, 5060 when it has none."""
    sent_by = via_sent_by(message)
    port = re.search(rb"[^:]:(\d{2,5})$", sent_by)
    return int(port[1]) if port and int(port[1]) < 65_536 else 5060


def via_sent_by(message):
    """Host and port of the top Via."""
    via = re.search(
        rb"^(?:via|v)[ \t]*:[ \t\r\n]*SIP[ \t\r\n]*/[ \t\r\n]*2\.0[ \t\r\n]*/[^;,]*?[ \t\r\n]([^ \t\r\n;,]+)",
        message,
        re.IGNORECASE | re.MULTILINE,
    )
    return via[1] if via else b""


def fits(got, verdict):
    """Whether an answer is one of the expected or tolerated."""
    words = [word for part in re.match(r"([^(]*)(?:\(tolerated: ([^)]*)\))?", verdict).groups("") for word in part.split("/")]
    words = [word.strip() for word in words if word.strip()]
    if got is None:
        return "SILENT" in words or "NONE" in words
    return str(got) in words or ("V" in words and got not in NOT_VALID)


CASES = [every_torture_message, noise, a_cancel_right_behind_its_invite]
