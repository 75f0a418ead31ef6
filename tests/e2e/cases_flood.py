"""Floods from very many addresses while calls go on: no account is guessed or learned of, nothing is amplified, memory stays."""

import re
import time

from cases_calls import CALLERS, ON_AGENT, agents, expect_all_ok, phones, queue
from flood import Flood, Phone, Source, credentials, nonce_of
from harness import HOST, check, wait_until

# Datagrams a second; a Python flooder on one core makes no more beside the engine and two SIPps.
RATE = 5_000
SECONDS = 20
CALLS_PER_SECOND = 20
# Twenty calls a second fill the ring of ladders, and linger for 32 s: some 100 KB a second, with a flood or without.
STEADY_BYTES, CALLS_BYTES = 2 << 20, 128 << 10

REGISTERED = "".join(f'[agents."{user}"]\nregister = true\npassword = "right"\n' for user in (2001, 2002, 2003))
TRUNK = '[peers.trunk]\naddress = "127.0.9.1:5060"\nqualify = "0s"\nauth = { username = "trunk", password = "strong" }\n'
# Half of them are there, as many are not, and all are as long.
USERS = ["2001", "2002", "1001", "3001", "3002", "9001"]


def a_flood_from_many_sources_harms_nobody(bench):
    """5,000 datagrams a second of REGISTER, INVITE, BYE and garbage beside 20 calls a second and a phone that registers."""
    agent = bench.sipp("agent", d=0)
    config = CALLERS + TRUNK + phones("phones", agent.port) + queue("main", 800, ON_AGENT)
    config += agents("1001-1050", "phones", "main") + REGISTERED
    engine = bench.engine("unknown_source = \"reject\"\n" + config, "warn")
    address = (HOST, engine.sip)
    phone = Phone(address, "127.0.8.1", "2001", "right")
    check(phone.register()[0] == "200", "the phone registers")
    overheard = Phone(address, "127.0.8.2", "2003", "right")
    check(overheard.register()[0] == "200", "another one")
    nobody_tells_accounts_apart(address)
    hosts = [f"127.1.{net}.{host}" for net in range(10) for host in range(1, 26)]
    flood = Flood(address, hosts, 2, RATE, USERS, "127.0.9.1", overheard.proof)
    count = bench.calls(CALLS_PER_SECOND * SECONDS)
    cold = engine.rss_bytes()
    caller = bench.sipp("caller", engine.sip, s="800", d=200, r=CALLS_PER_SECOND, m=count, l=1000, trace_rtt=True)
    flood.start()
    begin, sizes, waits = time.monotonic(), [], []
    seconds = count / CALLS_PER_SECOND
    while time.monotonic() - begin < seconds:
        status, took = phone.register()
        check(status == "200", f"the phone registers again, and is told {status!r} after {took:.1f} s")
        waits.append(took)
        sizes.append(engine.rss_bytes())
        time.sleep(1)
    expect_all_ok(caller, caller.wait(seconds + 30), count)
    flood.stop()
    took = time.monotonic() - begin
    engine.settle()
    expect_all_ok(agent, agent.quit(), count)
    check(flood.sent > RATE * took * 0.6, f"only {flood.sent / took:.0f} datagrams a second were sent")
    nothing_is_amplified(flood)
    nothing_is_let_in(engine, flood, count)
    check(max(waits) < 2, f"the phone registers at once, not within {max(waits):.1f} s")
    allowed = cold + STEADY_BYTES + int(took) * CALLS_BYTES
    check(max(sizes) < allowed, f"memory: {cold >> 10} KiB, then {[size >> 10 for size in sizes]}")
    times = caller.response_times_ms()
    check(times[int(len(times) * 0.99)] < 500, f"99 % of calls are answered at once: {times[-5:]} ms")
    flood.close()
    after = Phone(address, "127.0.8.3", "2002", "right")
    wait_until(lambda: after.register(5)[0] in ("200", "403"), "a new phone is heard after the flood")
    check(engine.stop() == 0, "it drains")


def nobody_tells_accounts_apart(address):
    """What a scanner is told, byte by byte, for an account that there is and for one that there is not, more often than either is
    believed; from an address of its own for each guess."""
    told = {}
    for user in ("2002", "9999"):
        told[user] = []
        for guess in range(24):
            source = Source(f"127.2.{1 + guess}.{user[-1]}")
            asked = ask(address, source, user, guess, "")
            check(asked.startswith("SIP/2.0 401 "), f"{user} is not asked for a password: {asked!r}")
            proof = credentials(user, f"guess{guess}", nonce_of(asked), f"sip:{HOST}")
            told[user] += [asked, ask(address, source, user, guess + 100, f"Authorization: {proof}\r\n")]
            source.socket.close()
    for one, other in zip(told["2002"], told["9999"]):
        check(plain(one) == plain(other), f"told apart: {one} {other}")
    codes = [text[8:11] for text in told["2002"]]
    check(codes == ["401", "403"] * 24, f"{codes}")


def ask(address, source, user, number, extra):
    """One REGISTER and its answer; nothing when none comes."""
    source.socket.setblocking(True)
    source.socket.settimeout(3)
    source.socket.sendto(source.request(f"{user}x{number}", "REGISTER", f"sip:{HOST}", user, extra).encode(), address)
    try:
        return source.socket.recv(65_535).decode()
    except TimeoutError:
        return ""


def plain(text):
    """An answer without what differs by itself: tags, nonces, the asker's own name and address."""
    text = re.sub(r'nonce="[0-9a-f]{32}"', "nonce", re.sub(r";tag=[0-9a-f]{16}\b", ";tag", text))
    text = re.sub(r"127\.2\.(\d+)\.\d", r"127.2.\1.N", text)
    return re.sub(r"2002|9999", "USER", re.sub(r":\d{4,5}\b|rport=\d+", ":PORT", text))


def nothing_is_amplified(flood):
    """No source was sent more than it had sent, the forged peer's included; and all of them together far less."""
    for source in flood.by_socket.values():
        check(source.received <= source.sent, f"{source.host}: {source.received} bytes for {source.sent}")
    sent, received = (sum(getattr(one, name) for one in flood.by_socket.values()) for name in ("sent", "received"))
    check(received < 0.6 * sent, f"{received} bytes for {sent}")
    check(set(flood.codes) <= {"100", "200", "400", "401", "403", "405", "481", "482", "500", "503"}, f"{flood.codes}")


def nothing_is_let_in(engine, flood, calls):
    """No registration and no call but the legitimate; every failure is counted."""
    listed = engine.json("/v1/registrations")
    rows = {row["agent"]: row["source"].split(":")[0] for row in listed["registrations"]}
    check(rows == {"2001": "127.0.8.1", "2003": "127.0.8.2"} and listed["total"] == 2, f"{listed}")
    check(engine.queue("main")["offered"] == calls, "no call of the flood reached the queue")
    failures = lambda kind, reason: engine.metric("acd_sip_auth_failures_total", kind=kind, reason=reason)
    for kind, reason in (("register", "wrong"), ("register", "locked"), ("register", "stale"), ("peer", "wrong"), ("peer", "locked")):
        check(failures(kind, reason) > 0, f"no {reason} of {kind}")
    check(engine.metric("acd_gate_silent_total", kind="stranger") > flood.sent / 4, "the flood is mostly not looked at")
    check(engine.metric("acd_calls_refused_total", cause="untrusted") > 0, "calls of strangers are counted")
    check(engine.metric("acd_calls_refused_total", cause="overload") == 0, "no call is refused")
    check(engine.metric("acd_invariant_violations_total") == 0, "all adds up")


BESIDE = []
CASES = [a_flood_from_many_sources_harms_nobody]
