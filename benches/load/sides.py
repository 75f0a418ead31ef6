"""The three parts of a load run: the engine between two sides of calls, made by SIPp or by the project's own generator."""

import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import harness
from harness import Engine, Failure, Sipp, free_port, percentile, wait_until

# Callers parked in a second, in the mean.
PARK_RATE = 1000
# Two ports a leg; a call of 210 ms has two legs. Held ports are skipped.
RTP = (12_000, 31_999)
LEGS_MAX = 9_000
# Pairs that other programs may hold.
PORTS_TAKEN_MAX = 100
# Calls before anything is measured, so that memory and caches are as they stay.
WARM_CALLS = 200
# The engine's core and the generator's, where each has its own.
ENGINE_CORE, GENERATOR_CORE = 0, 1
# Capacity: the highest rate of which so many calls complete, found to within a twentieth.
CAPACITY_OK_PERCENT = 99.9
CAPACITY_FIRST, CAPACITY_LAST, CAPACITY_STEP, CAPACITY_SECONDS = 2000, 40_000, 1.25, 5
# More agents cannot be called for at once than there are ports.
AGENTS_MAX = 6_000


def build(options):
    """The engine and the generator, built if anything changed."""
    if options.generator == "sipp":
        harness.needs_sipp()
        return {"engine": options.binary or harness.build()}
    if options.overload and (os.cpu_count() or 1) < 2:
        raise Failure("--overload needs two cores: one for the engine, one for the generator")
    engine = options.binary or harness.build()
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--example", "load-generator"]
    if subprocess.run(command, cwd=harness.ROOT, stdout=sys.stderr).returncode != 0:
        raise Failure("the generator does not build")
    target = os.environ.get("CARGO_TARGET_DIR", str(harness.ROOT / "target"))
    return {"engine": engine, "generator": pathlib.Path(target) / "release" / "examples" / "load-generator"}


def config(agent_port, rate, talk_ms, relay):
    """Agents for the rate with room for a peak: a call keeps one for little more than its talk."""
    agents = min(AGENTS_MAX, 100 + relay + rate * talk_ms // 500)
    return f"""
[drain]
limit = "1s"
[peers.callers]
address = "127.0.0.1:1"
sources = ["127.0.0.0/8"]
qualify = "0s"
[peers.phones]
address = "127.0.0.1:{agent_port}"
sources = ["127.0.0.2"]
inbound = false
qualify = "0s"
[queues.load]
numbers = ["800"]
skills = ["load"]
answer = "on_agent"
wrap_up = "0s"
[queues.parked]
numbers = ["801"]
skills = ["nobody"]
answer = "on_queue"
media = "none"
[queues.music]
numbers = ["802"]
skills = ["nobody"]
answer = "on_queue"
[agents."10000-{10000 + agents - 1}"]
peer = "phones"
skills = ["load"]
"""


def one_run(binaries, options, waiting):
    """One run with an engine of its own: its figures."""
    with tempfile.TemporaryDirectory(prefix="strowger-load-") as folder:
        if options.generator == "sipp":
            return sipp_run(binaries["engine"], folder, options, waiting)
        return own_run(binaries, folder, options, options.rate, options.seconds, waiting)


def capacity(binaries, options):
    """The highest rate that the engine on one core serves whole."""
    good, rate = 0, CAPACITY_FIRST
    bad = None
    while bad is None or bad / good > 1.05:
        if is_whole(binaries, options, round(rate)):
            good = rate
        else:
            bad = rate
        if good == 0:
            raise Failure(f"the engine does not even serve {CAPACITY_FIRST} calls a second")
        if good >= CAPACITY_LAST:
            break
        rate = good * CAPACITY_STEP if bad is None else (good + bad) / 2
    return round(good)


def is_whole(binaries, options, rate):
    """Whether the engine serves a rate whole; what else runs on the machine may spoil one try of two."""
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="strowger-load-") as folder:
            run = own_run(binaries, folder, options, rate, CAPACITY_SECONDS, 0)
        print(f"capacity: {rate}/s: {run['ok_percent']} %", file=sys.stderr)
        if run["ok_percent"] >= CAPACITY_OK_PERCENT:
            return True
    return False


def own_run(binaries, folder, options, rate, seconds, waiting):
    """A run by the generator of the project."""
    agent_port = free_port()
    engine = Engine(binaries["engine"], folder, config(agent_port, rate, options.talk_ms, options.relay), rtp=RTP)
    needs_ports(engine)
    arguments = [str(binaries["generator"]), "--engine", f"{harness.HOST}:{engine.sip}", "--seed", str(os.getpid())]
    values = {"engine-pid": engine.child.pid, "agent-port": agent_port, "rate": rate, "seconds": seconds}
    values |= {"talk-ms": options.talk_ms, "warm": WARM_CALLS, "park-rate": PARK_RATE, "arrivals": options.arrivals}
    values |= {"waiting": waiting, "music": options.music, "relay": options.relay}
    for key, value in values.items():
        arguments += [f"--{key}", str(value)]
    if options.overload:
        arguments.append("--spin")
        pin(engine.child.pid, ENGINE_CORE)
    child = harness.start(arguments, stdout=subprocess.PIPE, text=True)
    if options.overload:
        pin(child.pid, GENERATOR_CORE)
    resident = []
    deadline = time.monotonic() + seconds + 120 + (waiting + options.music + options.relay) / PARK_RATE
    while child.poll() is None and time.monotonic() < deadline:
        resident.append(engine.rss_bytes())
        time.sleep(0.25)
    if child.poll() is None:
        child.kill()
        raise Failure("the generator does not come to its end")
    text = child.stdout.read()
    engine.kill()
    if child.returncode != 0:
        raise Failure(f"the generator failed; the engine's log:\n{engine.log_text()[-1000:]}")
    run = json.loads(text)
    run["background_kept"] = int(run["background_kept"])
    run["rss_growth_bytes"] = growth(resident)
    return run


def needs_ports(engine):
    """Fails when another program, such as a second load run, holds the RTP ports."""
    taken = re.search(r"held by another program.*taken=(\d+)", engine.log_text())
    if taken and int(taken[1]) > PORTS_TAKEN_MAX:
        raise Failure(f"another program holds {taken[1]} pairs of the RTP ports {RTP[0]}-{RTP[1]}")


def pin(process, core):
    """Binds all threads of a process, and those they will start, to a core."""
    for thread in pathlib.Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def growth(samples):
    """By how much memory grew between the third and the last tenth of a run."""
    tenth = len(samples) // 10
    if tenth == 0:
        return None
    return round(statistics.median(samples[-tenth:]) - statistics.median(samples[2 * tenth : 3 * tenth]))


def sipp_run(binary, folder, options, waiting):
    """A run by SIPp."""
    agent = Sipp(folder, "agent", d=0)
    engine = Engine(binary, folder, config(agent.port, options.rate, options.talk_ms, 0), rtp=RTP)
    needs_ports(engine)
    warm = Sipp(folder, "caller", engine.sip, s="800", d=options.talk_ms, m=WARM_CALLS, r=100)
    counts = warm.wait(30)
    if counts["ok"] != WARM_CALLS:
        raise Failure(f"the engine does not even serve {WARM_CALLS} calls: {counts} {warm.errors()}")
    run = {}
    parked = park(folder, engine, waiting, run)
    resident = []
    calls = options.rate * options.seconds
    limit = options.rate * 10
    children = children_cpu()
    cpu = engine.cpu_seconds()
    load = Sipp(
        folder, "caller", engine.sip, s="800", d=options.talk_ms, m=calls, r=options.rate, l=limit, trace_rtt=True, rtt_freq=100
    )
    deadline = time.monotonic() + options.seconds * 2 + 60
    while load.child.poll() is None and time.monotonic() < deadline:
        resident.append(engine.rss_bytes())
        time.sleep(0.2)
    counts = load.wait(1)
    cpu = engine.cpu_seconds() - cpu
    times = load.response_times_ms()
    agent.kill()
    run |= {
        "attempts": calls,
        "ok_percent": round(100 * counts["ok"] / calls, 3),
        "cpu_us_per_call": round(1e6 * cpu / max(counts["ok"], 1), 1),
        "generator_cpu_us_per_call": round(1e6 * (children_cpu() - children) / max(counts["ok"], 1), 1),
        "setup_p50_ms": percentile(times, 0.50),
        "setup_p99_ms": percentile(times, 0.99),
        "setup_p999_ms": percentile(times, 0.999),
        "rss_bytes": max(resident, default=0),
        "rss_growth_bytes": growth(resident),
    }
    if parked is not None:
        parked.kill()
    engine.kill()
    return run


def children_cpu():
    """User and system time of the children that have ended: here, of both SIPps."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def park(folder, engine, count, run):
    """Fills the other queue; notes the memory that each caller costs."""
    if count == 0:
        return None
    before = engine.rss_bytes()
    parked = Sipp(folder, "caller_stays", engine.sip, s="801", m=count, r=PARK_RATE, l=count + 1)
    wait_until(lambda: engine.queue("parked")["waiting"] == count, f"{count} callers wait", 60 + count / 200)
    # Transactions of the parked callers' INVITEs end after 64*T1 (RFC 3261 17.2.1, RFC 6026): they are counted in.
    time.sleep(1)
    run["waiting_bytes_each"] = round((engine.rss_bytes() - before) / count)
    return parked
