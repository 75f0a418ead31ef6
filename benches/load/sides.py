"""One run of a load: an engine of its own between two sides of calls, made by SIPp or by the project's own generator."""

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
RTP_OTHER = (32_000, 32_199)
LEGS_MAX = 9_000
# Pairs that other programs may hold.
PORTS_TAKEN_MAX = 100
# Calls before anything is measured, so that memory and caches are as they stay.
WARM_CALLS = 200
# The engine's core and the generator's, where each has its own.
ENGINE_CORE, GENERATOR_CORE = 0, 1
# More agents cannot be called for at once than there are ports.
AGENTS_MAX = 6_000


def build(options):
    """The engine and the generator, built if anything changed."""
    if options.needs_sipp:
        harness.needs_sipp()
    if options.overload and (os.cpu_count() or 1) < 2:
        raise Failure("--overload needs two cores: one for the engine, one for the generator")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", str(harness.ROOT / "target"))) / "release"
    engine = options.binary or (target / "strowger" if options.prebuilt else harness.build())
    if options.shards and "--shards" not in help_text(engine):
        raise Failure(f"{engine} does not know --shards: it has one signalling shard")
    if not options.needs_own:
        return {"engine": engine}
    generator = target / "examples" / "load-generator"
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--example", "load-generator"]
    if not options.prebuilt and subprocess.run(command, cwd=harness.ROOT, stdout=sys.stderr).returncode != 0:
        raise Failure("the generator does not build")
    return {"engine": engine, "generator": generator}


def help_text(engine):
    """What the server says about its options."""
    return subprocess.run([str(engine), "serve", "--help"], capture_output=True, text=True).stdout


def config(agent_port, load):
    """Agents for the rate with room for a peak: a call keeps one for little more than its talk."""
    agents = 100 + load.relay + load.talking + load.rate * load.talk_ms // 500
    agents = AGENTS_MAX if load.pinned else min(AGENTS_MAX, agents)
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


def one_run(binaries, load):
    """One run with an engine of its own: its figures."""
    with tempfile.TemporaryDirectory(prefix="strowger-load-") as folder:
        if load.generator == "sipp":
            return sipp_run(binaries["engine"], folder, load)
        return own_run(binaries, folder, load)


def start_engine(binary, folder, agent_port, load, rtp=RTP):
    """The engine for a load, with all its ports."""
    arguments = ["--shards", str(load.shards)] if load.shards else []
    engine = Engine(binary, folder, config(agent_port, load), rtp=rtp, arguments=arguments)
    taken = re.search(r"held by another program.*taken=(\d+)", engine.log_text())
    if taken and int(taken[1]) > PORTS_TAKEN_MAX:
        raise Failure(f"another program holds {taken[1]} pairs of the RTP ports {RTP[0]}-{RTP[1]}")
    return engine


def own_run(binaries, folder, load):
    """A run by the generator of the project."""
    agent_port = free_port()
    engine = start_engine(binaries["engine"], folder, agent_port, load)
    child = start_generator(binaries["generator"], engine, agent_port, load)
    staying = load.waiting + load.music + load.relay + load.talking
    deadline = time.monotonic() + load.seconds + 120 + staying / PARK_RATE
    resident = []
    while child.poll() is None and time.monotonic() < deadline:
        resident.append((time.monotonic(), engine.rss_bytes()))
        time.sleep(0.25)
    if child.poll() is None:
        child.kill()
        raise Failure("the generator does not come to its end")
    text = child.stdout.read()
    peak, lost = peak_bytes(engine), datagrams_lost(engine)
    engine.kill()
    if child.returncode != 0:
        raise Failure(f"the generator failed; the engine's log:\n{engine.log_text()[-1000:]}")
    run = json.loads(text)
    run["background_kept"] = int(run["background_kept"])
    run["rss_peak_bytes"] = peak
    run["socket_lost"] = lost
    run["rss_growth_bytes"] = growth([bytes_ for _, bytes_ in resident])
    run["resident"] = resident
    return run


def start_generator(generator, engine, agent_port, load):
    """Both sides of the engine's calls as one process."""
    arguments = [str(generator), "--engine", f"{harness.HOST}:{engine.sip}", "--seed", str(os.getpid())]
    values = {"engine-pid": engine.child.pid, "agent-port": agent_port, "rate": load.rate, "seconds": load.seconds}
    values |= {"talk-ms": load.talk_ms, "warm": WARM_CALLS, "park-rate": PARK_RATE, "arrivals": load.arrivals}
    values |= {"waiting": load.waiting, "music": load.music, "talking": load.talking, "relay": load.relay}
    for key, value in values.items():
        arguments += [f"--{key}", str(value)]
    if load.pinned:
        arguments.append("--spin")
        pin(engine.child.pid, ENGINE_CORE)
    child = harness.start(arguments, stdout=subprocess.PIPE, text=True)
    if load.pinned:
        pin(child.pid, GENERATOR_CORE)
    return child


def pin(process, core):
    """Binds all threads of a process, and those they will start, to a core."""
    for thread in pathlib.Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def peak_bytes(engine):
    """The most memory that was ever resident; nothing when the process is gone."""
    text = pathlib.Path(f"/proc/{engine.child.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else None


def datagrams_lost(engine):
    """Datagrams that found the SIP socket's buffer full."""
    rows = [line.split() for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]]
    return sum(int(row[-1]) for row in rows if int(row[1].split(":")[1], 16) == engine.sip)


def growth(samples):
    """By how much memory grew between the third and the last tenth of a run."""
    tenth = len(samples) // 10
    if tenth == 0:
        return None
    return round(statistics.median(samples[-tenth:]) - statistics.median(samples[2 * tenth : 3 * tenth]))


def sipp_run(binary, folder, load):
    """A run by SIPp."""
    agent = Sipp(folder, "agent", d=0)
    engine = start_engine(binary, folder, agent.port, load)
    other = start_other(binary, folder, agent.port, load) if load.beside else None
    run = {}
    try:
        warm_up(folder, engine.sip, load)
        parked = park(folder, engine, load.waiting, run) or park(folder, other, load.beside, {})
        run |= sipp_calls(folder, engine.sip, load, engine.cpu_seconds, engine.rss_bytes, [agent])
        run["rss_peak_bytes"] = peak_bytes(engine)
        if parked is not None:
            parked.kill()
    finally:
        agent.kill()
        engine.kill()
        if other is not None:
            other.kill()
    return run


def start_other(binary, folder, agent_port, load):
    """An engine beside the measured one: callers who wait in it do to the machine what they do, and nothing to the measured one."""
    folder = pathlib.Path(folder) / "other"
    folder.mkdir()
    return start_engine(binary, folder, agent_port, load, rtp=RTP_OTHER)


def warm_up(folder, port, load, rate=100):
    """Calls before anything is measured."""
    warm = Sipp(folder, "caller", port, s="800", d=load.talk_ms, m=WARM_CALLS, r=rate)
    counts = warm.wait(30 + WARM_CALLS / rate)
    if counts["ok"] != WARM_CALLS:
        raise Failure(f"not even {WARM_CALLS} calls are served: {counts} {warm.errors()}")


def sipp_calls(folder, port, load, cpu_seconds, rss_bytes, agents):
    """The measured calls of a run by SIPp, through whatever listens on the port."""
    calls = load.rate * load.seconds
    resident = []
    children, cpu = children_cpu(), cpu_seconds()
    options = {"s": "800", "d": load.talk_ms, "m": calls, "r": load.rate, "l": load.rate * 10}
    caller = Sipp(folder, "caller", port, **options, trace_rtt=True, rtt_freq=100)
    deadline = time.monotonic() + load.seconds * 2 + 60
    while caller.child.poll() is None and time.monotonic() < deadline:
        resident.append(rss_bytes())
        time.sleep(0.2)
    counts = caller.wait(1)
    cpu = cpu_seconds() - cpu
    times = caller.response_times_ms()
    for agent in agents:
        agent.kill()
    return {
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
    run["bytes_each"] = round((engine.rss_bytes() - before) / count)
    return parked
