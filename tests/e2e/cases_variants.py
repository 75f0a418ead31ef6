"""Every variant of the service level, counted by hand: from the times of the messages in SIPp's own log, by code that knows the
engine only from outside, and held against the control plane, the command line and PromQL over the raw counters."""

import datetime
import re

from cases_calls import CALLERS, ON_AGENT, agents, phones, queue
from cases_figures import RAW, Prometheus, needs_prometheus, raw, run
from harness import HOST, check, wait_until

# T and S of the queue, in seconds, and how near to one of them a wait may come: SIPp and the engine read the same message at
# moments a little apart.
THRESHOLD, SHORT, SLACK = 1.0, 0.4, 0.03

# What is said of a queue's visits, from the counts: answered, abandoned, flowed out; those within T and S; sums of waits.
BY_HAND = {
    "sl_f1": lambda n: (n["AT"] + n["BT"], n["A"] + n["B"]),
    "sl_f2": lambda n: (n["AT"], n["A"]),
    "sl_f3": lambda n: (n["AT"], n["A"] + n["B"]),
    "sl_f3o": lambda n: (n["AT"], n["A"] + n["B"] + n["F"]),
    "sl_f4": lambda n: (n["AT"], n["A"] + n["B"] - n["BT"]),
    "sl_f5": lambda n: (n["AT"] + n["BS"], n["A"] + n["B"]),
    "sl_f6": lambda n: (n["AT"], n["A"] + n["B"] - n["BS"]),
    "sl_live": lambda n: (n["AT"], n["A"] + n["B"]),
    "answer_rate": lambda n: (n["A"], n["A"] + n["B"] + n["F"]),
    "answer_rate_in": lambda n: (n["AT"], n["A"] + n["B"] + n["F"]),
    "loss_rate": lambda n: (n["B"] + n["F"], n["A"] + n["B"] + n["F"]),
    "abandon_rate": lambda n: (n["B"], n["A"] + n["B"] + n["F"]),
    "abandon_rate_net": lambda n: (n["B"] - n["BS"], n["A"] + n["B"] + n["F"] - n["BS"]),
}
# Of the answer's formulas these are about agents' time, which no message of a caller tells.
OF_AGENTS = {"aht", "talk_mean", "hold_mean", "wrap_up_mean", "hold_rate", "agent_answer_rate",
             "occupancy", "utilisation"}


def messages(sipp):
    """The messages of a SIPp's log: its own time in seconds, whether it sent it, first line, Call-ID, CSeq."""
    text = (sipp.folder / "messages.log").read_text(errors="replace")
    for part in re.split(r"^-{20,} ", text, flags=re.M)[1:]:
        stamp, direction, body = re.match(r"(\S+ \S+)\n(\w+ message \w+).*?\n\n(.*)", part, re.S).groups()
        at = datetime.datetime.fromisoformat(stamp).timestamp()
        header = {name.lower(): value.strip() for name, value in re.findall(r"^([\w-]+):(.*)$", body, re.M)}
        yield at, direction.endswith("sent"), body.split("\n", 1)[0].strip(), header["call-id"], header["cseq"]


def visits(sipp):
    """What became of each call that joined the queue, and how long it waited, by the first of each message."""
    calls = {}
    for at, is_ours, line, call, cseq in messages(sipp):
        seen = calls.setdefault(call, {})
        if is_ours and line.startswith("CANCEL"):
            seen.setdefault("gave up", at)
        elif not is_ours and cseq.endswith("INVITE"):
            status = int(line.split()[1])
            kind = "joined" if status == 180 else "answered" if status == 200 else "refused" if status >= 300 else "trying"
            seen.setdefault(kind, at)
    for seen in calls.values():
        if "joined" not in seen:
            yield "outside", 0.0
        elif "answered" in seen:
            yield "answered", seen["answered"] - seen["joined"]
        elif "gave up" in seen:
            yield "abandoned", seen["gave up"] - seen["joined"]
        else:
            yield "flowed out", seen["refused"] - seen["joined"]


def count(sipps):
    """The counts of all visits, and whether any wait is too near to T or S to be sure of."""
    numbers = dict.fromkeys(["A", "B", "F", "AT", "BT", "BS", "outside"], 0) | {"A wait": 0.0, "B wait": 0.0}
    unsure = []
    for outcome, wait in (visit for sipp in sipps for visit in visits(sipp)):
        if outcome == "outside":
            numbers["outside"] += 1
            continue
        letter = {"answered": "A", "abandoned": "B", "flowed out": "F"}[outcome]
        numbers[letter] += 1
        if letter != "F":
            numbers[letter + "T"] += wait <= THRESHOLD
            numbers[letter + " wait"] += wait
            unsure += [wait] if min(abs(wait - THRESHOLD), abs(wait - SHORT)) < SLACK else []
        if letter == "B":
            numbers["BS"] += wait <= SHORT
    return numbers, unsure


def every_variant_is_what_sipps_own_log_says(bench):
    """One queue with quick and slow answers, callers who give up early, in time and late, who are let go, and who find it
    closed: every rate is the one that SIPp's log gives, in JSON, in the table of the command line and by PromQL."""
    needs_prometheus()
    quick, slow = bench.sipp("agent", d=250), bench.sipp("agent", d=1500)
    config = (
        CALLERS
        + phones("quick", quick.port)
        + phones("slow", slow.port)
        + queue("main", 800, ON_AGENT + '\nthreshold = "1s"\nshort_abandon = "400ms"\nwait_max = "2500ms"')
        + agents("1001-1010", "quick", "main")
        + agents("1101-1110", "slow", "main")
    )
    engine = bench.engine(config, "warn")
    prometheus = Prometheus(bench, engine)
    try:
        log = {"trace_msg": True, "message_file": "messages.log"}
        callers = [bench.sipp("caller", engine.sip, s="800", d=200, r=8, m=bench.calls(48), **log)]
        check(callers[0].wait(bench.calls(6) + 40)["failed"] == 0, callers[0].errors())
        engine.settle()
        away = {"agents": ["1001-1010", "1101-1110"], "set": {"state": {"state": "logged-out"}}}
        check(engine.request("/v1/agents", away)[0] == 200, "nobody is at work")
        for pause, number in ((150, 12), (700, 10), (1500, 9)):
            callers.append(bench.sipp("caller_cancels", engine.sip, s="800", d=pause, r=6, m=bench.calls(number), **log))
        callers.append(bench.sipp("caller_refused", engine.sip, s="800", r=4, m=bench.calls(7), **log))
        for caller in callers[1:]:
            check(caller.wait(bench.calls(3) + 40)["failed"] == 0, caller.errors())
        check(engine.request("/v1/queues/main", {"state": "closed"})[0] == 200, "it is closed")
        callers.append(bench.sipp("caller_refused", engine.sip, s="800", r=4, m=3, **log))
        check(callers[-1].wait(30)["failed"] == 0, callers[-1].errors())
        engine.settle()

        numbers, unsure = count(callers)
        check(not unsure, f"waits too near to T or S: {unsure}")
        mixed = [numbers["AT"], numbers["A"] - numbers["AT"], numbers["BS"], numbers["BT"] - numbers["BS"]]
        check(min(mixed + [numbers["B"] - numbers["BT"], numbers["F"]]) > 0, f"nothing of some kind: {numbers}")
        check(numbers["outside"] == 3, f"those who found it closed: {numbers}")

        own = engine.json("/v1/queues/main/intervals?by=day&last=1m")["total"]
        for outcome, letter in (("answered", "A"), ("abandoned", "B"), ("abandoned_short", "BS")):
            check(own[outcome] == numbers[letter], f"{outcome}: {own} SIPp {numbers}")
        check(own["flowed_out_by"]["timeout"] == numbers["F"], f"flowed out: {own} SIPp {numbers}")
        closed = engine.metric("acd_calls_untargeted_total", reason="closed")
        check(own["offered"] == numbers["A"] + numbers["B"] + numbers["F"] and closed == 3, f"closed: {closed} {own}")
        formulas = own["formulas"]
        for key, formula in BY_HAND.items():
            above, below = formula(numbers)
            found = formulas[key]
            check((found["numerator"], found["denominator"]) == (above, below), f"{key}: {found}, SIPp {above} / {below}")
            check(abs(found["value"] - above / below) < 1e-12, f"{key}: {found}")
        for key, letter in (("asa", "A"), ("ata", "B")):
            mean = numbers[letter + " wait"] / numbers[letter]
            check(abs(formulas[key]["value"] - mean) < SLACK, f"{key}: {formulas[key]}, SIPp {mean}")
        rest = set(formulas) - set(BY_HAND) - {"asa", "ata"} - OF_AGENTS
        check(not rest, f"formulas that nobody has counted by hand: {rest}")

        shown = run(bench.binary, "queue", "stats", "main", "--last", "5m", "--by", "1m", "--url", f"http://{HOST}:{engine.http}")
        total = next(line for line in shown.splitlines() if line.startswith("total"))
        rate = lambda key: "{:.1f} %".format(100 * BY_HAND[key](numbers)[0] / BY_HAND[key](numbers)[1])
        for word in (str(numbers["A"]), str(numbers["B"]), rate("sl_f3"), rate("loss_rate")):
            check(re.search(rf"(?<![\d.]){re.escape(word)}(?![\d.])", total), f"{word} in {total}")

        ended = prometheus.value("vector(time())")
        wait_until(lambda: prometheus.value('max(timestamp(acd_calls_offered_total{queue="main"}))') > ended + 1, "a scrape")
        for key, formula in RAW.items():
            above, below = BY_HAND[key](numbers)
            found = prometheus.value(raw(formula, "main"))
            check(abs(found - above / below) < 1e-12, f"{key} by PromQL: {found}, SIPp {above} / {below}")
    finally:
        prometheus.close()


BESIDE = []
CASES = [every_variant_is_what_sipps_own_log_says]
