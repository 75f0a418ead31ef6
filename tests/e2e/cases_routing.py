"""Cases about routing: skills, what numbers bring, priority, relaxation, and the supervisor's hand, on real calls."""

import json
import subprocess

from cases_calls import CALLERS, phones
from harness import HOST, check, wait_until


def client(bench, engine, *words, code=0):
    """Runs the command line; answers with what it printed."""
    command = [str(bench.binary), *words, "--url", f"http://{HOST}:{engine.http}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    check(done.returncode == code, f"{words}: {done}")
    return done.stdout


def talking(engine):
    """The agents who talk, each with the number that was called."""
    calls = engine.json("/v1/calls")["calls"]
    return {call["agent"]: call["number"] for call in calls if call["state"] == "talking"}


def agent(name, skills, extra=""):
    """One agent behind `phones`."""
    return f'[agents."{name}"]\npeer = "phones"\nskills = {skills}\n{extra}\n'


def levels_and_attributes_choose_the_agent(bench):
    """A gold caller's agent must speak Spanish at the level that the number brings; any other caller's need not."""
    phone = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", phone.port)
        + "[queues.main]\n"
        + 'numbers = ["800", { number = "801", attributes = { tier = "gold", lvl = 7 } }]\n'
        + "requirement = 'support && (tier != \"gold\" || spanish >= $lvl)'\n"
        + agent("1001", "{ support = 5, spanish = 6 }")
        + agent("1002", "{ support = 5, spanish = 7 }")
        + agent("1003", "{ spanish = 10, support = { level = 9, enabled = false } }")
    )
    engine = bench.engine(config)
    gold = bench.sipp("caller_stays", engine.sip, s="801", m=2, r=10)
    wait_until(lambda: engine.queue("main")["waiting"] == 1 and len(talking(engine)) == 1, "one is served, one waits")
    check(talking(engine) == {"1002": "801"}, f"{talking(engine)}")
    plain = bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: talking(engine) == {"1001": "800", "1002": "801"}, "the plain caller goes past the gold one")
    for sipp in (gold, plain):
        sipp.kill()


def priority_goes_first_and_time_decides_among_equals(bench):
    """Of three who wait, the number of higher priority is served first, though it came last; then the longer wait."""
    phone = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", phone.port)
        + '[queues.main]\nnumbers = ["800", "802", { number = "801", priority = 10 }]\nwrap_up = "0s"\n'
        + agent("1001", "[]", 'initial = "not-ready"')
    )
    engine = bench.engine(config)
    for waiting, number in enumerate(["800", "802", "801"], 1):
        bench.sipp("caller_stays", engine.sip, s=number, m=1)
        wait_until(lambda: engine.queue("main")["waiting"] == waiting, f"{number} waits")
    client(bench, engine, "agent", "set", "1001", "ready", "--why", "the line is long")
    for number in ["801", "800", "802"]:
        wait_until(lambda: talking(engine) == {"1001": number}, f"{number} is served")
        call = next(call["id"] for call in engine.json("/v1/calls")["calls"] if call["number"] == number)
        client(bench, engine, "call", "hangup", call)
    engine.settle()
    check("the line is long" in engine.log_text(), "the audit line says why")


def a_requirement_relaxes_while_a_caller_waits(bench):
    """The second-best agent is asked after the step's time, not before; what a step asks is not asked of later callers."""
    phone = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", phone.port)
        + "[queues.main]\nnumbers = [\"800\"]\nrequirement = 'spanish >= 8'\nwrap_up = \"0s\"\n"
        + "steps = [{ after = \"2s\", requirement = 'spanish >= 3' }]\n"
        + agent("1001", "{ spanish = 4 }")
        + agent("1002", "{ spanish = 9 }", 'initial = "not-ready"')
    )
    engine = bench.engine(config)
    bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: talking(engine) == {"1001": "800"}, "the next best is asked")
    wait = engine.json("/v1/calls")["calls"][0]["wait_seconds"]
    check(2.0 <= wait < 8.0, f"after {wait} s")


def a_supervisor_sets_a_team(bench):
    """By team with those below, by list and range, all or none; a reason must be a known one; agents and calls obey."""
    phone = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", phone.port)
        + '[queues.main]\nnumbers = ["800"]\nwrap_up = "0s"\n'
        + agent("1001-1006", "[]")
        + '[teams.sales]\nagents = ["1001-1002"]\n[teams.north]\nparent = "sales"\nagents = ["1003"]\n'
        + '[not_ready]\nreasons = ["meeting"]\n'
    )
    engine = bench.engine(config)
    states = lambda: [engine.agents()[name]["state"] for name in sorted(engine.agents())]
    done = client(bench, engine, "agent", "set", "--team", "sales", "not-ready", "meeting", "--why", "figures", "--json")
    check(json.loads(done)["agents"] == ["1001", "1002", "1003"], done)
    check(states() == ["not_ready"] * 3 + ["ready"] * 3, f"{states()}")
    check("3 agents" in client(bench, engine, "agent", "set", "1001,1004-1005", "logout"), "a list with a range")
    check(states() == ["logged_out", "not_ready", "not_ready", "logged_out", "logged_out", "ready"], f"{states()}")
    client(bench, engine, "agent", "set", "1006,1007", "logout", code=1)
    client(bench, engine, "agent", "set", "1006", "not-ready", "golf", code=1)
    client(bench, engine, "agent", "set", "1006", "asleep", code=2)
    check(states()[5] == "ready", "nobody is changed when one is unknown")
    bench.sipp("caller_stays", engine.sip, s="800", m=2, r=10)
    wait_until(lambda: talking(engine) == {"1006": "800"}, "only the ready one is asked")
    client(bench, engine, "agent", "set", "--team", "north", "ready")
    wait_until(lambda: set(talking(engine)) == {"1003", "1006"}, "who is ready again is asked")
    check(engine.queue("main")["waiting"] == 0, "nobody waits")


def a_supervisor_changes_skills_and_queues_and_is_told_why_a_call_waits(bench):
    """At run time, over the file and its reloads: a level finds a waiting caller; a closed queue refuses."""
    phone = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", phone.port)
        + "[queues.main]\nnumbers = [\"800\"]\nrequirement = 'spanish >= 5'\nwrap_up = \"0s\"\n"
        + agent("1001", "{ spanish = 3 }")
        + agent("1002", "{ spanish = 9 }", 'initial = "not-ready"')
    )
    engine = bench.engine(config)
    bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: engine.queue("main")["waiting"] == 1, "a caller waits")
    call = engine.json("/v1/calls")["calls"][0]["id"]
    told = client(bench, engine, "call", "explain", call)
    for words in ["place 1", "asks: spanish >= 5", "skills do not meet spanish >= 5", "is not ready (initial)"]:
        check(words in told, f"{words}: {told}")
    client(bench, engine, "agent", "set", "1001", "skill", "spanish=5", "--why", "short of people")
    wait_until(lambda: talking(engine) == {"1001": "800"}, "the level is enough now")
    decision = engine.json("/v1/decisions?queue=main")["decisions"][0]
    check((decision["call"], decision["chosen"]) == (call, "1001"), f"{decision}")
    check("1001" in client(bench, engine, "queue", "decisions", "main"), "printed")
    told = client(bench, engine, "call", "explain", call)
    check(f"{call} does not wait" in told and "to 1001, in main: first by longest-idle" in told, told)
    client(bench, engine, "queue", "set", "main", "close", "--why", "fire drill")
    refused = bench.sipp("caller_refused", engine.sip, s="800", m=1)
    check(refused.wait(10)["total"] == 1 and engine.queue("main")["offered"] == 1, "a closed queue takes nobody")
    client(bench, engine, "queue", "set", "main", "open")
    bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: engine.queue("main")["waiting"] == 1, "an open one does")
    client(bench, engine, "queue", "set", "main", "shut", code=2)
    check("fire drill" in engine.log_text(), "the audit line says why")


def a_supervisor_acts_on_lists(bench):
    """Several queues at once, all or none; several calls at once, each by itself and keeping its time."""
    phone = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", phone.port)
        + '[queues.main]\nnumbers = ["800"]\n[queues.other]\nnumbers = ["801"]\n'
        + agent("1001", "[]", 'initial = "not-ready"')
    )
    engine = bench.engine(config)
    bench.sipp("caller_stays", engine.sip, s="800", m=3, r=10)
    wait_until(lambda: engine.queue("main")["waiting"] == 3, "three wait")
    rows = sorted(engine.json("/v1/calls")["calls"], key=lambda call: call["position"])
    first, second, third = [row["id"] for row in rows]
    told = client(bench, engine, "call", "requeue", f"{first},{third}", "other", "--why", "main is short")
    check(told == "done for 2 calls\n", told)
    wait_until(lambda: engine.queue("other")["waiting"] == 2 and engine.queue("main")["waiting"] == 1, "they move")
    done = json.loads(client(bench, engine, "call", "priority", f"{third},c999,{second}", "5", "--json", code=1))
    check([call["outcome"] for call in done["calls"]] == ["done", "refused", "done"] and done["refused"] == 1, f"{done}")
    check(done["calls"][1]["status"] == 404, f"{done}")
    place = {call["id"]: call["position"] for call in engine.json("/v1/calls")["calls"]}
    check(place == {third: 1, first: 2, second: 1}, f"{place}")
    client(bench, engine, "queue", "set", "main,none", "close", code=1)
    check(json.loads(client(bench, engine, "queue", "show", "main", "--json"))["state"] == "open", "all or none")
    client(bench, engine, "queue", "set", "main,other", "close", "--why", "fire drill")
    states = [json.loads(client(bench, engine, "queue", "show", name, "--json"))["state"] for name in ("main", "other")]
    check(states == ["closed", "closed"], f"{states}")
    client(bench, engine, "call", "withdraw", f"{first},{second},{third}")
    wait_until(lambda: not engine.json("/v1/calls")["calls"], "all have gone")
    check("main is short" in engine.log_text() and "fire drill" in engine.log_text(), "the audit lines say why")


BESIDE = []
CASES = [
    levels_and_attributes_choose_the_agent,
    priority_goes_first_and_time_decides_among_equals,
    a_requirement_relaxes_while_a_caller_waits,
    a_supervisor_sets_a_team,
    a_supervisor_changes_skills_and_queues_and_is_told_why_a_call_waits,
    a_supervisor_acts_on_lists,
]
