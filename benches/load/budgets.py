"""The budgets (DESIGN, section 6, and what must hold beyond it), the runs that show whether they hold, and the verdicts."""

import argparse
import statistics

import overload
import report
import sides
import soak

KIB, MIB = 1024, 1024 * 1024
# Beyond capacity the engine keeps its memory; so much is enough for the calls of the load and its buffers.
RSS_OVERLOAD_MAX = 256 * MIB
# A run this long shows whether anything grows: its third tenth begins after the first transactions have ended (32 s).
SOAK_SECONDS = 300


def at_most(budget, measured, limit, unit=""):
    """A verdict: the figure may not be larger. What was not measured breaks its budget."""
    return verdict(budget, measured, f"at most {report.cell(limit)}{unit}", measured is not None and measured <= limit)


def at_least(budget, measured, limit, unit=""):
    """A verdict: the figure may not be smaller."""
    return verdict(budget, measured, f"at least {report.cell(limit)}{unit}", measured is not None and measured >= limit)


def verdict(budget, measured, limit, holds):
    """What `report` shows of a budget."""
    return {"budget": budget, "measured": measured, "limit": limit, "holds": holds}


def variant(options, **changes):
    """The options with other values: the load of a piece, which begins from an empty one."""
    load = argparse.Namespace(**vars(options))
    load.waiting = load.music = load.relay = load.talking = load.beside = 0
    load.pinned = False
    for key, value in changes.items():
        setattr(load, key, value)
    return load


def repeat(binaries, load, name):
    """Medians of the runs of a load."""
    runs = [sides.one_run(binaries, load) for _ in range(load.runs)]
    return report.summary(runs, name=name, rate=load.rate, seconds=load.seconds)


def calls(binaries, options, shown):
    """Calls beside SIPp at 2,000/s, in turn with the same while 5,000 wait in the engine, and while they wait in another.

    SIPp's process of 5,000 callers takes time and caches from all others: what the engine's own callers cost it is the
    difference from calls beside as many callers of another engine.
    """
    load = variant(options, generator="sipp", rate=2000)
    crowd, others = variant(load, waiting=5000), variant(load, beside=5000)
    alone, busy, beside = [], [], []
    for _ in range(options.runs):
        for runs, kind in ((alone, load), (busy, crowd), (beside, others)):
            runs.append(sides.one_run(binaries, kind))
    names = ("SIPp, 2,000/s", "SIPp, 2,000/s, 5,000 waiting", "SIPp, 2,000/s, 5,000 waiting in another engine")
    rows = [report.summary(runs, name=name) for name, runs in zip(names, (alone, busy, beside))]
    for row in rows:
        shown.add(report.CALLS, row)
    cost = statistics.median(
        100 * (many["cpu_us_per_call"] / one["cpu_us_per_call"] - 1) for one, many in zip(beside, busy)
    )
    alone, busy, _ = rows
    yield at_most("CPU time a call, 2,000/s beside SIPp", alone["cpu_us_per_call"], 120, " us")
    yield at_least("calls complete at 2,000/s", alone["ok_percent"], 100, " %")
    yield at_most("5,000 waiting make a call dearer than beside another engine's by", round(cost, 1), 5, " %")
    yield at_least("calls complete while 5,000 wait", busy["ok_percent"], 100, " %")


def rate(binaries, options, shown):
    """3,000 calls a second beside SIPp."""
    row = repeat(binaries, variant(options, generator="sipp", rate=3000), "SIPp, 3,000/s")
    shown.add(report.CALLS, row)
    yield at_least("calls complete at 3,000/s beside SIPp", row["ok_percent"], 100, " %")


def setup(binaries, options, shown):
    """Set-up time at 1,000/s by the own generator."""
    row = repeat(binaries, variant(options, generator="own", rate=1000), "own, 1,000/s")
    shown.add(report.CALLS, row)
    yield at_most("set-up at 1,000/s, p99", row["setup_p99_ms"], 5, " ms")
    yield at_least("calls complete at 1,000/s", row["ok_percent"], 100, " %")


def held(binaries, options, shown):
    """100,000 callers wait; 4,000 calls talk; one run each, as memory hardly varies."""
    load = variant(options, generator="own", rate=100, runs=1, seconds=min(options.seconds, 10))
    waiting = repeat(binaries, variant(load, waiting=100_000), "own, 100/s, 100,000 waiting")
    talking = repeat(binaries, variant(load, talking=4_000), "own, 100/s, 4,000 talking")
    for row in (waiting, talking):
        shown.add(report.CALLS, row)
    yield at_most("memory of a waiting call, 100,000 held", waiting["bytes_each"], 4 * KIB, " bytes")
    yield at_least("100,000 waiting are all kept", waiting["background_kept"], 1)
    yield at_most("memory of a talking call, 4,000 held", talking["bytes_each"], 8 * KIB, " bytes")
    yield at_least("calls complete beside 100,000 waiting", waiting["ok_percent"], 100, " %")


def music(binaries, options, shown):
    """5,000 callers hear music; with 2,000 the packets' times count."""
    load = variant(options, generator="own", rate=20)
    many = repeat(binaries, variant(load, music=5_000), "music, 5,000 callers")
    timed = repeat(binaries, variant(load, music=2_000), "music, 2,000 callers")
    for row in (many, timed):
        shown.add(report.AUDIO, row)
    yield at_most("music, CPU time a packet, 5,000 callers", many["cpu_us_per_packet"], 4.5, " us")
    yield at_least("music keeps its pace, 5,000 callers", many["music_percent"], 99, " %")
    yield at_least("calls complete beside 5,000 with music", many["ok_percent"], 100, " %")
    yield at_most("music lost, 5,000 callers", many["music_lost"], 0)
    yield at_most("music behind its time, 2,000 callers, p99", timed["music_late_p99_ms"], 5, " ms")
    yield at_most("music lost, 2,000 callers", timed["music_lost"], 0)


def relay(binaries, options, shown):
    """1,000 calls with audio both ways."""
    row = repeat(binaries, variant(options, generator="own", rate=20, relay=1_000), "relay, 1,000 calls")
    shown.add(report.AUDIO, row)
    yield at_most("relay, CPU time a packet", row["cpu_us_per_packet"], 8, " us")
    yield at_most("relayed packets lost", row["relay_lost"], 0)


def beyond(binaries, options, shown):
    """Three and ten times capacity."""
    rows = overload.rows(binaries, variant(options, generator="own", overload=options.overload or [3, 10]))
    for row in rows:
        shown.add(report.OVERLOAD, row)
    for row in rows[1:]:
        yield from overload_verdicts(row)


def overload_verdicts(row):
    """What must hold of a run beyond capacity."""
    factor, name = row["overload"], row["name"]
    yield at_least(f"{name} capacity: the generator reaches", row["overload_reached"], 0.9 * factor, " times")
    yield at_least(f"{name} capacity: goodput over capacity", row["goodput_percent"], 90 if factor <= 3 else 65, " %")
    yield at_most(f"{name} capacity: set-up of admitted calls, p99", row["setup_p99_ms"], 200, " ms")
    yield at_most(f"{name} capacity: peak memory", row["rss_peak_bytes"], RSS_OVERLOAD_MAX, " bytes")


def long(binaries, options, shown):
    """Very many calls in a run."""
    row, _ = soak.run(binaries, variant(options), options.soak or 1_000_000, options.soak_rate)
    shown.add(report.SOAK, row)
    yield from soak_verdicts(row)


def soak_verdicts(row):
    """What must hold of a soak."""
    yield at_most("memory grows over the last four fifths of a soak by", row["slope_bytes_per_call"], soak.SLOPE_MAX, " bytes a call")
    yield at_least("calls complete in a soak", row["ok_percent"], 100, " %")


# By name; `soak` takes ten minutes and runs only when it is named.
PIECES = {
    "calls": calls,
    "rate": rate,
    "setup": setup,
    "held": held,
    "music": music,
    "relay": relay,
    "overload": beyond,
    "soak": long,
}
ONLY_WHEN_NAMED = {"soak"}
