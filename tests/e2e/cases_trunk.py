"""Cases about trunks: several addresses, IPv6, and looking at their messages."""


from cases_calls import CALLERS, ON_AGENT, agents, expect_all_ok, phones, queue
from cases_routing import client
from harness import HOST, check

SIX = "::1"


def received(sipp):
    """The messages that a SIPp with its log switched on has got, without those that it has sent."""
    messages = (sipp.folder / "messages.log").read_text().split("-" * 40)
    return "".join(message for message in messages if " message received " in message)


def calls_over_ipv6_on_both_sides(bench):
    """A caller and agents' phones at ::1; every call is answered, with audio described as IPv6."""
    count = bench.calls(50)
    agent = bench.sipp("agent", host=SIX, d=0, trace_msg=True, message_file="messages.log")
    peers = CALLERS.replace("127.0.0.1:1", "[::1]:1").replace("127.0.0.1", SIX)
    peers += phones("phones", agent.port).replace(f"127.0.0.1:{agent.port}", f"[::1]:{agent.port}").replace("127.0.0.2", "::2")
    engine = bench.engine(peers + queue("main", 800, ON_AGENT) + agents("1001-1020", "phones", "main"), host=SIX)
    caller = bench.sipp("caller", engine.sip, to="[::1]", host=SIX, s="800", d=100, r=20, m=count)
    expect_all_ok(caller, caller.wait(count / 20 + 30), count)
    engine.settle()
    check(engine.queue("main")["answered"] == count, "every call is answered")
    text = received(agent)
    for line in (f"Via: SIP/2.0/UDP [::1]:{engine.sip};", f"Contact: <sip:strowger@[::1]:{engine.sip}>", "c=IN IP6 ::1"):
        check(line in text, f"{line} in {text[:2000]}")
    check(engine.stop() == 0, "it drains")


def callers_and_agents_of_two_address_families(bench):
    """Callers at 127.0.0.1 and agents at ::1, then the other way round, by two shards: each side gets addresses of its own family."""
    count = bench.calls(40)
    log = {"trace_msg": True, "message_file": "messages.log"}
    for host, far in ((HOST, SIX), (SIX, HOST)):
        to = lambda one: f"[{one}]" if ":" in one else one
        agent = bench.sipp("agent", host=far, d=0, **log)
        peers = CALLERS.replace("127.0.0.1:1", f"{to(host)}:1").replace('["127.0.0.1"]', f'["{host}"]')
        peers += phones("phones", agent.port).replace(f"127.0.0.1:{agent.port}", f"{to(far)}:{agent.port}")
        config = peers + queue("main", 800, ON_AGENT) + agents("1001-1020", "phones", "main")
        engine = bench.engine(config, host=(HOST, SIX), shards=2)
        caller = bench.sipp("caller", engine.sip, to=to(host), host=host, s="800", d=100, r=20, m=count, **log)
        expect_all_ok(caller, caller.wait(count / 20 + 30), count)
        engine.settle()
        check(engine.queue("main")["answered"] == count, "every call is answered")
        for sipp, own in ((caller, host), (agent, far)):
            text = received(sipp)
            family = lambda one: f"c=IN IP{6 if ':' in one else 4} "
            for line in (f"Contact: <sip:strowger@{to(own)}:", f"{family(own)}{own}"):
                check(line in text, f"{line} in {text[:2000]}")
            other = far if own == host else host
            for line in (f"Contact: <sip:strowger@{to(other)}:", family(other)):
                check(line not in text, f"{own} is told nothing of {other}, {line} in {text[:2000]}")
        check(engine.stop() == 0, "it drains")


def a_pbx_with_two_addresses_loses_one(bench):
    """Calls go to the first; when it dies they go on at the second within their offers, nobody is punished, and it comes back."""
    first = bench.sipp("agent", d=0)
    second = bench.sipp("agent", d=0)
    several = f'addresses = ["{HOST}:{first.port}", {{ address = "{HOST}:{second.port}", priority = 5 }}]'
    peer = phones("phones", first.port).replace(f'address = "{HOST}:{first.port}"', several)
    engine = bench.engine(CALLERS + peer + queue("main", 800, ON_AGENT) + agents("1001-1010", "phones", "main"))
    call = lambda count: bench.sipp("caller", engine.sip, s="800", d=50, r=10, m=count)
    caller = call(10)
    expect_all_ok(caller, caller.wait(30), 10)
    check(second.counts()["ok"] == 0, "the lower priority alone")
    first.kill()
    caller = call(10)
    expect_all_ok(caller, caller.wait(40), 10)
    engine.settle()
    down = engine.metric("acd_peer_up", peer=f"phones {HOST}:{first.port}")
    check((down, engine.metric("acd_peer_up", peer="phones")) == (0, 1), f"one address is down: {down}")
    check(all(agent["state"] == "ready" for agent in engine.agents().values()), "nobody is punished")
    check(second.quit()["failed"] == 0, "the second took them")


def a_trace_is_started_read_and_stopped(bench):
    """A number on both legs, masked; a peer; the log says who; it ends."""
    agent = bench.sipp("agent", d=0)
    config = CALLERS + phones("phones", agent.port) + queue("main", 800, ON_AGENT) + agents("1001", "phones", "main")
    for shards in (1, 2):
        engine = bench.engine(config, shards=shards)
        check("runs for 5 min" in client(bench, engine, "trace", "start", "--number", "800", "--minutes", "5"), "started")
        caller = bench.sipp("caller", engine.sip, s="800", d=100, m=3)
        expect_all_ok(caller, caller.wait(30), 3)
        told = engine.json("/v1/trace")
        text = "".join(message["text"] for message in told["messages"])
        check(text.count("BYE sip:") >= 6 and "INVITE sip:***@" in text, text[:3000])
        check("1001@" not in text and "Caller" not in text, "numbers and names are masked")
        check(told["traces"][0]["messages"] == len(told["messages"]) >= 3 * 10, f"{told['traces']}")
        check(engine.json("/v1/trace?after=" + told["next"])["messages"] == [], "read once")
        check("number" in client(bench, engine, "trace", "list"), "listed")
        check("stopped" in client(bench, engine, "trace", "stop", "1"), "stopped")
        shown = client(bench, engine, "trace", "follow")
        check("<- 127.0.0.1:" in shown and "BYE sip:" in shown, shown[:2000])
        client(bench, engine, "trace", "stop", "1", code=1)
        client(bench, engine, "trace", "start", "--peer", "nobody", code=1)
        client(bench, engine, "trace", "start", "--peer", "phones", "--show-numbers")
        caller = bench.sipp("caller", engine.sip, s="800", d=100, m=1)
        expect_all_ok(caller, caller.wait(30), 1)
        shown = engine.json("/v1/trace?numbers=shown&after=" + told["next"])["messages"]
        check(any(m["text"].startswith("INVITE sip:1001@") for m in shown), "numbers on request")
        check(all(m["peer"].endswith(f":{agent.port}") for m in shown), "of that peer alone")
        check("trace start" in engine.log_text() and "trace stop" in engine.log_text(), "the audit log says so")
        engine.settle()


BESIDE = []
CASES = [calls_over_ipv6_on_both_sides, callers_and_agents_of_two_address_families, a_pbx_with_two_addresses_loses_one, a_trace_is_started_read_and_stopped]
