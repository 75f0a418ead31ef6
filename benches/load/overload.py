"""Overload: the capacity of an engine on one core, and what it still does when several times as much is offered.

Both processes have a core of their own. Runs at capacity and beyond it alternate, so that what else the machine does blurs
both alike, and each run beyond capacity is compared with the run at capacity just before it.
"""

import argparse
import sys

import report
import sides
from harness import Failure

# Capacity: the highest rate of which so many calls complete, set up in time, found to within a twentieth.
CAPACITY_OK_PERCENT, CAPACITY_P99_MS = 99.9, 200
CAPACITY_FIRST, CAPACITY_LAST, CAPACITY_STEP, CAPACITY_SECONDS = 2_000, 60_000, 1.25, 40
# How often a rate is tried before it counts as too high: what else runs on the machine may spoil a try.
CAPACITY_TRIES = 2


def rows(binaries, options):
    """A row for each factor of `options.overload`: medians, with goodput over capacity."""
    capacity = options.capacity or search(binaries, options)
    base, beyond = [], {factor: [] for factor in options.overload}
    for _ in range(options.runs):
        for factor, runs in beyond.items():
            base.append(pinned(binaries, options, capacity, options.seconds))
            runs.append(compare(pinned(binaries, options, round(capacity * factor), options.seconds), base[-1], capacity))
            told = {key: report.cell(runs[-1][key]) for key in ("overload_reached", "goodput_percent", "setup_p99_ms")}
            print(f"overload {factor:g}: {told}", file=sys.stderr)
    whole = compare(report.summary(base), report.summary(base), capacity)
    result = [whole | {"name": "capacity", "overload": 1, "capacity": capacity}]
    for factor, runs in beyond.items():
        result.append(report.summary(runs, name=f"{factor:g} times", overload=factor, capacity=capacity))
    return result


def pinned(binaries, options, rate, seconds):
    """A run with a core for the engine and one for the generator."""
    load = argparse.Namespace(**vars(options))
    load.rate, load.seconds, load.pinned, load.generator = rate, seconds, True, "own"
    return sides.one_run(binaries, load) | {"window": seconds}


def compare(run, base, capacity):
    """A run beside one at capacity: goodput over goodput, and over the CPU time that the engine really got.

    The second stays true when other programs take a part of the engine's core.
    """
    seconds = run["window"]
    run["overload_reached"] = round(run["attempts"] / seconds / capacity, 2)
    run["offered"] = round(run["attempts"] / seconds)
    run["invites"] = round((run["attempts"] + run["repeated"]) / seconds)
    run["refused"] = round(run["refused_503"] / seconds)
    run["silent"] = round(run["unheard"] / seconds)
    run["goodput_percent"] = round(100 * run["goodput"] / max(base["goodput"], 1), 1)
    run["goodput_percent_cpu"] = round(100 * base["cpu_us_per_call"] / run["cpu_us_per_call"], 1) if run["ok"] else 0
    return run


def search(binaries, options):
    """The highest rate that the engine on one core serves whole, from its CPU time a call at a low rate on."""
    low = pinned(binaries, options, CAPACITY_FIRST, CAPACITY_SECONDS)
    if not low["cpu_us_per_call"]:
        raise Failure(f"the engine does not even serve {CAPACITY_FIRST} calls a second")
    good, bad = 0, None
    rate = max(CAPACITY_FIRST, 0.6e6 / low["cpu_us_per_call"])
    while bad is None or good == 0 or bad / good > 1.05:
        if is_whole(binaries, options, round(rate)):
            good = rate
        else:
            bad = rate
        if good >= CAPACITY_LAST:
            break
        if good == 0 and rate < CAPACITY_FIRST / 2:
            raise Failure(f"the engine does not even serve {rate:.0f} calls a second whole")
        rate = rate / CAPACITY_STEP if good == 0 else good * CAPACITY_STEP if bad is None else (good + bad) / 2
    return round(good)


def is_whole(binaries, options, rate):
    """Whether the engine serves a rate whole."""
    for _ in range(CAPACITY_TRIES):
        run = pinned(binaries, options, rate, CAPACITY_SECONDS)
        print(f"capacity: {rate}/s: {run['ok_percent']} %, p99 {run['setup_p99_ms']} ms", file=sys.stderr)
        reached = run["attempts"] >= 0.95 * rate * CAPACITY_SECONDS
        in_time = run["setup_p99_ms"] is not None and run["setup_p99_ms"] < CAPACITY_P99_MS
        if reached and in_time and run["ok_percent"] >= CAPACITY_OK_PERCENT:
            return True
    return False

