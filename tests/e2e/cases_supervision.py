"""Cases about several agents rung at once, agents who do not answer, and states that a supervisor sets, on real calls."""

import json
import signal

from cases_calls import CALLERS, phones
from cases_routing import agent, client, talking
from harness import check, wait_until

# A phone that is told why it is cancelled: RFC 3326, as after a call that another has taken.
TOLD_WHY = (
    '<recv request="CANCEL"/>',
    '<recv request="CANCEL"><action><ereg regexp="SIP;cause=200" search_in="hdr" header="Reason:" check_it="true" '
    'assign_to="reason"/></action></recv><Reference variables="reason"/>',
)


def ring_all_has_one_winner(bench):
    """All phones ring; the first to answer has the call, the others see a CANCEL that says it was taken elsewhere."""
    fast = bench.sipp("agent", d=1000)
    slow = bench.sipp("agent_never_answers", replace=TOLD_WHY)
    config = (
        CALLERS
        + phones("phones", fast.port)
        + phones("others", slow.port)
        + '[queues.main]\nnumbers = ["800"]\nstrategy = "ring-all"\nwrap_up = "0s"\n'
        + agent("1001", "[]")
        + agent("1002-1004", "[]").replace('"phones"', '"others"')
    )
    engine = bench.engine(config)
    bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: [row["state"] for row in engine.agents().values()] == ["ringing"] * 4, "all ring")
    wait_until(lambda: talking(engine) == {"1001": "800"}, "the first to answer has the call")
    wait_until(lambda: [engine.agents()[str(n)]["state"] for n in (1002, 1003, 1004)] == ["ready"] * 3, "others are free")
    check(engine.metric("acd_offers_total", queue="main", result="rescinded") == 3, "three offers were taken back")
    check(engine.metric("acd_offers_total", queue="main", result="accepted") == 1, "one was accepted")
    counts = slow.quit()
    check(counts["ok"] == 3 and counts["failed"] == 0, f"each is told why: {counts} {slow.errors()}")
    client(bench, engine, "call", "hangup", engine.json("/v1/calls")["calls"][0]["id"])
    engine.settle()


def who_does_not_answer_is_not_ready_until_it_returns(bench):
    """After a ring without an answer the agent is not ready, shown with the reason and the time left, then asked again."""
    phone = bench.sipp("agent_never_answers")
    config = (
        CALLERS
        + phones("phones", phone.port)
        + '[queues.main]\nnumbers = ["800"]\nring_timeout = "1s"\nwrap_up = "0s"\n'
        + agent("1001", "[]", 'return_after = "3s"')
    )
    engine = bench.engine(config)
    bench.sipp("caller_stays", engine.sip, s="800", m=1)
    row = lambda: engine.agents()["1001"]
    wait_until(lambda: row()["state"] == "ringing", "it rings")
    wait_until(lambda: row()["state"] == "not_ready", "it is not ready")
    shown = row()
    check(shown["reason"] == "no-answer" and 0 < shown["ends_seconds"] <= 3 and "by" not in shown, f"{shown}")
    check("no-answer" in client(bench, engine, "agents"), "printed")
    check(engine.queue("main")["waiting"] == 1, "the call keeps its place")
    wait_until(lambda: row()["state"] == "ringing", "it is asked again")
    wait_until(lambda: engine.metric("acd_offers_total", queue="main", result="timed_out") == 2, "twice unanswered")


def a_supervisor_forces_states_that_end_by_themselves(bench):
    """Not ready for a time, with who and why; a longer and a shorter wrap-up; a device in a call of its own; the teams."""
    phone = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", phone.port)
        + '[queues.main]\nnumbers = ["800"]\nwrap_up = "30s"\n'
        + agent("1001", "[]")
        + agent("1002", "[]")
        + '[teams.all]\n[teams.part]\nparent = "all"\nagents = ["1001-1002"]\n'
    )
    engine = bench.engine(config)
    row = lambda name: engine.agents()[name]
    said = ("--why", "new tariffs")
    client(bench, engine, "agent", "set", "1001", "not-ready", "training", "--for", "4s", *said)
    shown = row("1001")
    check((shown["state"], shown["by"], shown["why"]) == ("not_ready", "local", "new tariffs"), f"{shown}")
    check(0 < shown["ends_seconds"] <= 4, f"{shown}")
    client(bench, engine, "agent", "set", "1002", "device", "busy", "out")
    shown = row("1002")
    check((shown["state"], shown["device"], shown["device_call"]) == ("other_call", "busy", "out"), f"{shown}")
    check(shown["disagrees"] and "busy out !" in client(bench, engine, "agents"), f"{shown}")
    bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: engine.queue("main")["waiting"] == 1, "nobody is free")
    wait_until(lambda: talking(engine) == {"1001": "800"}, "who returns by itself is asked")
    client(bench, engine, "agent", "set", "1002", "wrap-up", "end", code=1)
    client(bench, engine, "call", "hangup", engine.json("/v1/calls")["calls"][0]["id"])
    wait_until(lambda: row("1001")["state"] == "wrap_up", "wrap-up")
    check(row("1001")["ends_seconds"] <= 30, "as configured")
    done = client(bench, engine, "agent", "set", "--team", "all", "wrap-up", "+30", "--json")
    check(json.loads(done)["agents"] == ["1001"], f"only who has one: {done}")
    check(row("1001")["ends_seconds"] > 30, "longer")
    tree = engine.json("/v1/teams")["teams"]
    check([team["name"] for team in tree] == ["all"] and tree[0]["states"] == {"other_call": 1, "wrap_up": 1}, f"{tree}")
    check("  part" in client(bench, engine, "teams"), "printed as a tree")
    client(bench, engine, "agent", "set", "1001", "wrap-up", "end")
    check(row("1001")["state"] == "ready", "shorter")
    client(bench, engine, "agent", "set", "1002", "device", "idle")
    check(row("1002")["state"] == "ready" and not row("1002")["disagrees"], "free again")
    check("new tariffs" in engine.log_text(), "the audit line says why")


def what_a_supervisor_sets_holds_over_a_reload_until_it_is_taken_back(bench):
    """Threshold and target reach the figures, a skill reaches the agent; the views say what was set; defaults undo it."""
    config = (
        CALLERS
        + phones("phones", 9)
        + '[queues.main]\nnumbers = ["800"]\nrequirement = "spanish >= 5"\nthreshold = "20s"\ntarget = 0.8\n'
        + agent("1001", "{ spanish = 3 }")
    )
    engine = bench.engine(config)
    set_queue = lambda *words: client(bench, engine, "queue", "set", "main", *words)
    for words in (["threshold", "30s"], ["target", "90%"], ["weight", "2"]):
        set_queue(*words)
    client(bench, engine, "agent", "set", "1001", "skill", "spanish=6")
    figures = lambda: (engine.queue("main")["threshold_seconds"], engine.queue("main")["target"])
    check(figures() == (30.0, 0.9), f"the figures follow: {figures()}")
    check(engine.queue("main")["agents"]["ready"] == 1, "the agent is counted in the queue")
    engine.signal(signal.SIGHUP)
    wait_until(lambda: "reload" in engine.log_text(), "it reads the file again")
    check(figures() == (30.0, 0.9), f"a reload leaves it: {figures()}")
    shown = engine.json("/v1/queues/main")
    check(shown["overrides"] == ["weight", "threshold", "target"] and shown["weight"] == 2, f"{shown}")
    check("set at run time" in client(bench, engine, "queue", "show", "main"), "printed")
    check(engine.agents()["1001"]["overrides"] == ["skill spanish=6"], f"{engine.agents()}")
    set_queue("defaults")
    client(bench, engine, "agent", "set", "1001", "skill", "spanish=default")
    check(figures() == (20.0, 0.8) and engine.json("/v1/queues/main")["overrides"] == [], f"{figures()}")
    check("overrides" not in engine.agents()["1001"] and engine.queue("main")["agents"]["ready"] == 0, "as configured")


BESIDE = []
CASES = [
    ring_all_has_one_winner,
    who_does_not_answer_is_not_ready_until_it_returns,
    a_supervisor_forces_states_that_end_by_themselves,
    what_a_supervisor_sets_holds_over_a_reload_until_it_is_taken_back,
]
