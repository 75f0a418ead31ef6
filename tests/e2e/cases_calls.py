"""Cases about calls: many of them, agents that do not answer, and callers who hang up at every stage."""

import time

from harness import check, wait_until
from sip import Options

# Callers come from 127.0.0.1; the phones' address counts for calls to them only.
CALLERS = """
[peers.callers]
address = "127.0.0.1:1"
sources = ["127.0.0.1"]
qualify = "0s"
"""


def phones(name, port, extra="", qualify="0s"):
    """A neighbour behind which agents' phones are."""
    return f"""
[peers.{name}]
address = "127.0.0.1:{port}"
sources = ["127.0.0.2"]
inbound = false
qualify = "{qualify}"
{extra}
"""


def queue(name, number, extra=""):
    """A queue whose agents have the skill of its name."""
    return f'[queues.{name}]\nnumbers = ["{number}"]\nskills = ["{name}"]\nwrap_up = "0s"\n{extra}\n'


def agents(names, peer, skill, extra=""):
    """Agents behind a neighbour."""
    return f'[agents."{names}"]\npeer = "{peer}"\nskills = ["{skill}"]\n{extra}\n'


ON_AGENT = 'answer = "on_agent"'


def expect_all_ok(caller, counts, number):
    """Every call of a SIPp must have gone by its scenario."""
    check(counts["ok"] == number and counts["failed"] == 0, f"of {number} calls: {counts} {caller.errors()}")


def two_thousand_calls_all_connect(bench):
    """200 a second to 50 agents; the engine's totals are SIPp's own."""
    count = bench.calls(2000)
    agent = bench.sipp("agent", d=0)
    config = CALLERS + phones("phones", agent.port) + queue("main", 800, ON_AGENT) + agents("1001-1050", "phones", "main")
    engine = bench.engine(config, "warn")
    caller = bench.sipp("caller", engine.sip, s="800", d=150, r=200, m=count, l=1000)
    expect_all_ok(caller, caller.wait(count / 200 + 40), count)
    engine.settle()
    totals = {
        "acd_calls_offered_total": count,
        "acd_calls_answered_total": count,
        "acd_calls_abandoned_total": 0,
        "acd_calls_flowout_total": 0,
        "acd_answer_wait_seconds_count": count,
    }
    for family, expected in totals.items():
        got = engine.metric(family, queue="main")
        check(got == expected, f"{family} is {got:g}, SIPp has {expected}")
    check(engine.metric("acd_offers_total", queue="main", result="accepted") == count, "accepted offers")
    counts = agent.quit()
    expect_all_ok(agent, counts, count)
    check(engine.stop() == 0, "it drains")


def music_then_an_agent(bench):
    """Answered by the queue, then by an agent."""
    agent = bench.sipp("agent", d=100)
    config = CALLERS + phones("phones", agent.port) + queue("main", 800) + agents("1001-1040", "phones", "main")
    engine = bench.engine(config, "warn")
    count = bench.calls(200)
    caller = bench.sipp("caller", engine.sip, s="800", d=1000, r=25, m=count)
    expect_all_ok(caller, caller.wait(count / 25 + 30), count)
    engine.settle()
    check(engine.queue("main")["answered"] == count, "every caller was answered by an agent")
    expect_all_ok(agent, agent.quit(), count)


def agents_who_never_answer(bench):
    """Their calls go on to others; they are not ready for a reason and were offered one call each."""
    deaf = bench.sipp("agent_never_answers")
    good = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("deaf", deaf.port)
        + phones("good", good.port)
        + queue("main", 800, ON_AGENT + '\nring_timeout = "1s"')
        + agents("1001-1005", "deaf", "main")
        + agents("2001-2010", "good", "main")
    )
    engine = bench.engine(config)
    caller = bench.sipp("caller", engine.sip, s="800", d=300, r=10, m=40)
    expect_all_ok(caller, caller.wait(40), 40)
    engine.settle()
    check(engine.metric("acd_offers_total", queue="main", result="timed_out") == 5, "five offers timed out")
    for name, agent in engine.agents().items():
        expected = ("not_ready", "no-answer") if name.startswith("1") else ("ready", None)
        check((agent["state"], agent.get("reason")) == expected, f"{name}: {agent}")
    check(engine.queue("main")["answered"] == 40, "all answered")
    expect_all_ok(deaf, deaf.quit(), 5)


def agents_who_refuse(bench):
    """603 makes an agent not ready; 486 is a short pause; the callers reach others."""
    busy = bench.sipp("agent_refuses")
    declining = bench.sipp("agent_refuses", replace=("SIP/2.0 486", "SIP/2.0 603"))
    good = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("busy", busy.port)
        + phones("declining", declining.port)
        + phones("good", good.port)
        + queue("main", 800, ON_AGENT)
        + agents("1001-1005", "busy", "main", 'busy_pause = "1s"')
        + agents("2001-2005", "declining", "main")
        + agents("3001-3010", "good", "main")
    )
    engine = bench.engine(config)
    caller = bench.sipp("caller", engine.sip, s="800", d=200, r=20, m=100)
    expect_all_ok(caller, caller.wait(40), 100)
    engine.settle()
    found = engine.agents()
    declined = [agent for name, agent in found.items() if name.startswith("2")]
    check(all(agent["state"] == "not_ready" and agent["reason"] == "rejected" for agent in declined), f"{declined}")
    check(engine.metric("acd_offers_total", queue="main", result="rejected") >= 10, "rejected offers are counted")
    is_back = lambda: all(agent["state"] == "ready" for name, agent in engine.agents().items() if name[0] in "13")
    wait_until(is_back, "the busy agents are ready again", 5)
    expect_all_ok(declining, declining.quit(), 5)


def a_dead_neighbour_is_not_its_agents_fault(bench):
    """A PBX that does not answer: its agents are unreachable, the callers reach others, and it comes back by itself."""
    pbx = Options()
    good = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("pbx", pbx.port, qualify="2s")
        + phones("good", good.port)
        + queue("main", 800, ON_AGENT)
        + agents("1001-1020", "pbx", "main")
        + agents("2001-2005", "good", "main")
    )
    engine = bench.engine(config)
    caller = bench.sipp("caller", engine.sip, s="800", d=200, r=5, m=20)
    expect_all_ok(caller, caller.wait(40), 20)
    engine.settle(40)
    behind = lambda: [agent for name, agent in engine.agents().items() if name.startswith("1")]
    wait_until(lambda: all(agent["state"] == "unreachable" for agent in behind()), "they are unreachable", 10)
    pbx.is_on = True
    wait_until(lambda: all(agent["state"] == "ready" for agent in behind()), "they are ready again", 10)
    check(engine.metric("acd_offers_total", queue="main", result="timed_out") == 0, "nobody is blamed")


def callers_hang_up_at_every_stage(bench):
    """While ringing, while waiting unanswered, while hearing music, while talking; and agents who hang up first."""
    ringing = bench.sipp("agent_never_answers")
    good = bench.sipp("agent", d=0)
    leaving = bench.sipp("agent_hangs_up", d=200)
    config = (
        CALLERS
        + phones("ringing", ringing.port)
        + phones("good", good.port)
        + phones("leaving", leaving.port)
        + queue("ringing", 801, ON_AGENT)
        + queue("unanswered", 802, ON_AGENT)
        + queue("music", 803)
        + queue("talking", 804)
        + queue("leaving", 805)
        + agents("1001-1040", "ringing", "ringing")
        + agents("2001-2040", "good", "talking")
        + agents("3001-3040", "leaving", "leaving")
    )
    engine = bench.engine(config)
    count = bench.calls(40)
    callers = [
        bench.sipp("caller_cancels", engine.sip, s="801", d=200, r=20, m=count),
        bench.sipp("caller_cancels", engine.sip, s="802", d=200, r=20, m=count),
        bench.sipp("caller", engine.sip, s="803", d=200, r=20, m=count),
        bench.sipp("caller", engine.sip, s="804", d=300, r=20, m=count),
        bench.sipp("caller_stays", engine.sip, s="805", r=20, m=count),
    ]
    for caller in callers:
        expect_all_ok(caller, caller.wait(count / 20 + 30), count)
    engine.settle()
    for name, outcome in [("ringing", "abandoned"), ("unanswered", "abandoned"), ("music", "abandoned"),
                          ("talking", "answered"), ("leaving", "answered")]:
        figures = engine.queue(name)
        check(figures[outcome] == figures["offered"] == count, f"{name}: {figures}")
    wait_until(lambda: all(agent["state"] == "ready" for agent in engine.agents().values()), "every agent is ready", 6)
    check(engine.metric("acd_offers_total", queue="ringing", result="canceled") == count, "offers were cancelled")
    for agent in (ringing, leaving):
        expect_all_ok(agent, agent.quit(), count)


def an_agent_vanishes_in_mid_call(bench):
    """Without RTP both sides are probed; the side that does not answer has gone, and the other is hung up on."""
    agent = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", agent.port)
        + queue("main", 800)
        + agents("1001-1005", "phones", "main")
    )
    engine = bench.engine(config, media='silence_probe = "2s"')
    caller = bench.sipp("caller_stays", engine.sip, s="800", r=10, m=3)
    wait_until(lambda: engine.queue("main")["answered"] == 3, "three calls talk", 10)
    time.sleep(0.2)
    agent.kill()
    expect_all_ok(caller, caller.wait(80), 3)
    engine.settle(80)
    busy = [name for name, agent in engine.agents().items() if agent["state"] in ("talking", "wrap_up", "ringing")]
    check(not busy, f"still busy: {busy}")


BESIDE = [an_agent_vanishes_in_mid_call, a_dead_neighbour_is_not_its_agents_fault]
CASES = [
    two_thousand_calls_all_connect,
    music_then_an_agent,
    agents_who_never_answer,
    agents_who_refuse,
    callers_hang_up_at_every_stage,
]
