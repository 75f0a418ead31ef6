"""What the real-socket tests and the load bench share: the engine and SIPp as child processes, and readings of both.

Standard library only. Every child is ended by its own process id, also when the test fails.
"""

import atexit
import csv
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIPP = ROOT / "tests" / "sipp"
HOST = "127.0.0.1"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

# Engines that run beside each other have RTP ports of their own, below the system's ephemeral ones.
FIRST_RTP, RTP_PORTS, RTP_RANGES = 12_000, 1_000, 20

_ranges = itertools.count()
_children = []


class Failure(Exception):
    """A test's expectation was not met."""


def check(condition, message):
    """Fails with the message unless the condition holds."""
    if not condition:
        raise Failure(message)


def wait_until(condition, message, seconds=10.0):
    """Waits until the condition holds; an exception of the condition counts as not yet."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except (OSError, KeyError, ValueError) as error:
            last = error
        time.sleep(0.05)
    raise Failure(f"{message} (waited {seconds:g} s{f'; {last}' if last else ''})")


def needs_sipp():
    """Ends with a message when SIPp is missing."""
    if shutil.which("sipp") is None:
        sys.exit("missing: sipp. On Debian: apt-get install sip-tester")


def build():
    """The release binary, built if anything changed."""
    if shutil.which("cargo") is None:
        sys.exit("missing: cargo (https://rustup.rs)")
    done = subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, stdout=sys.stderr)
    if done.returncode != 0:
        sys.exit("cargo build --release failed")
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    return pathlib.Path(target) / "release" / "strowger"


def is_free(port):
    """True when nobody holds the port at this moment, neither by UDP nor by TCP."""
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind((HOST, port))
        return True
    except OSError:
        return False


def free_port():
    """A port that nobody holds at this moment."""
    return free_ports(1)


def free_ports(count):
    """The first of so many ports in a row that nobody holds at this moment."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            first = probe.getsockname()[1]
        if first + count <= 65536 and all(is_free(port) for port in range(first, first + count)):
            return first
    raise Failure(f"no {count} free ports in a row")


def free_rtp_range():
    """First and last port of a range that no other engine holds."""
    for turn in itertools.islice(_ranges, RTP_RANGES):
        first = FIRST_RTP + turn % RTP_RANGES * RTP_PORTS
        try:
            for port in (first, first + RTP_PORTS // 2, first + RTP_PORTS - 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind((HOST, port))
            return first, first + RTP_PORTS - 1
        except OSError:
            continue
    raise Failure(f"no free RTP ports from {FIRST_RTP} on")


def start(arguments, **options):
    """Starts a child that is ended with this process."""
    child = subprocess.Popen(arguments, **options)
    _children.append(child)
    return child


@atexit.register
def end_children():
    """Ends what still runs."""
    for child in _children:
        if child.poll() is None:
            child.kill()
    for child in _children:
        child.wait()


class Bench:
    """What a case works with: the binary, a folder, and everything it starts, which ends with it."""

    def __init__(self, binary, folder, is_long=False):
        self.binary, self.folder, self.is_long = binary, folder, is_long
        self.shards = 1
        self._engines, self._sipps = [], []

    def calls(self, count):
        """So many calls in the short form, ten times as many in the long one."""
        return count * 10 if self.is_long else count

    def engine(self, config, level="info", media="", shards=None, host=HOST):
        """An engine with this configuration; `media` are more keys of that table, `host` is where SIP is spoken, or a list of hosts."""
        folder = tempfile.mkdtemp(dir=self.folder, prefix="engine-")
        self._engines.append(Engine(self.binary, folder, config, level, media, shards=shards or self.shards, host=host))
        return self._engines[-1]

    def serve(self, text, *arguments):
        """A `strowger serve` with this whole configuration that is expected to end by itself."""
        path = pathlib.Path(tempfile.mkdtemp(dir=self.folder)) / "strowger.toml"
        path.write_text(text)
        command = [str(self.binary), "serve", "--config", str(path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=20)

    def sipp(self, scenario, *arguments, **options):
        """A SIPp with this scenario."""
        self._sipps.append(Sipp(self.folder, scenario, *arguments, **options))
        return self._sipps[-1]

    def close(self):
        """Ends what the case left running."""
        for engine in self._engines:
            engine.kill()
        for sipp in self._sipps:
            sipp.kill()


def remove(folder):
    """Removes a case's folder."""
    shutil.rmtree(folder, ignore_errors=True)


class Engine:
    """A running `strowger serve` with a configuration of its own."""

    def __init__(self, binary, folder, config, level="warn", media="", rtp=None, shards=1, arguments=(), host=HOST):
        first, last = rtp or free_rtp_range()
        self.media = f'[media]\nports = "{first}-{last}"\n{media}\n'
        hosts = [f"[{one}]" if ":" in one else one for one in ([host] if isinstance(host, str) else host)]
        self.host = hosts[0]
        self.sip = free_ports(shards)
        listen = [f'"{one}:{self.sip}"' for one in hosts]
        self.listen = listen[0] if len(listen) == 1 else f"[{', '.join(listen)}]"
        self.http = free_port()
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "strowger.toml"
        self.log_path = self.folder / "engine.log"
        self.write(config)
        self.log = open(self.log_path, "wb")
        command = [str(binary), "serve", "--config", str(self.path), "--log-level", level, *arguments]
        command += ["--shards", str(shards)] if shards > 1 else []
        self.child = start(command, stdout=self.log, stderr=self.log)
        wait_until(self._is_ready, "the engine is ready")

    def write(self, config):
        """Writes the configuration file, with the engine's own listeners in front and its RTP ports behind."""
        # What a case writes first belongs to [sip].
        listeners = f'[http]\nlisten = "{HOST}:{self.http}"\n[sip]\nlisten = {self.listen}\n'
        self.path.write_text(listeners + config + self.media)

    def _is_ready(self):
        if self.child.poll() is not None:
            raise Failure(f"the engine ended with {self.child.returncode}: {self.log_path.read_text()[-2000:]}")
        return self.status("/readyz") == 200

    def request(self, path, body=None, headers=None):
        """Status and text of an HTTP request; a body makes it a POST of JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | (headers or {})
        request = urllib.request.Request(f"http://{HOST}:{self.http}{path}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def status(self, path):
        """The status of a GET."""
        return self.request(path)[0]

    def json(self, path):
        """The JSON of a GET."""
        status, text = self.request(path)
        check(status == 200, f"{path}: {status} {text}")
        return json.loads(text)

    def queue(self, name):
        """One queue's figures."""
        return next(queue for queue in self.json("/v1/queues")["queues"] if queue["name"] == name)

    def agents(self):
        """All agents by name."""
        return {agent["name"]: agent for agent in self.json("/v1/agents?limit=1000")["agents"]}

    def metrics(self):
        """All samples of /metrics by name with labels, as Prometheus writes them."""
        status, text = self.request("/metrics")
        check(status == 200, f"/metrics: {status}")
        lines = (line for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def metric(self, family, **labels):
        """The sum of a family's samples that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        samples = self.metrics().items()
        found = [
            value
            for name, value in samples
            if name.split("{")[0] == family and all(label in name for label in wanted)
        ]
        check(found, f"no sample of {family} with {labels}")
        return sum(found)

    def live_calls(self):
        """Calls that live."""
        return self.json("/v1/calls?limit=1")["total"]

    def settle(self, seconds=10.0):
        """Waits until no call lives, and checks that every queue's counts add up."""
        wait_until(lambda: self.live_calls() == 0, "every call has ended", seconds)
        for queue in self.json("/v1/queues")["queues"]:
            out = queue["answered"] + queue["abandoned"] + queue["flowed_out"] + queue["waiting"]
            check(queue["offered"] == out, f"{queue['name']}: offered {queue['offered']} but {out} accounted for")
            check(queue["waiting"] == 0, f"{queue['name']}: {queue['waiting']} still waiting")

    def cpu_seconds(self):
        """User and system time of the process so far."""
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_bytes(self):
        """Resident memory."""
        return int(pathlib.Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]) * PAGE

    def signal(self, number):
        """Sends a signal."""
        self.child.send_signal(number)

    def stop(self, seconds=10.0):
        """Drains; answers with the exit code. What does not end in time is killed."""
        if self.child.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return None
        finally:
            self.log.close()

    def kill(self):
        """Ends it without a word to anybody."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.log.close()

    def log_text(self):
        """What it logged so far."""
        return self.log_path.read_text(errors="replace")


class Sipp:
    """A SIPp process with a scenario of `tests/sipp`."""

    def __init__(self, folder, scenario, remote=None, port=None, replace=None, host=HOST, to=HOST, **options):
        """`replace` is a text of the scenario and what stands there instead, or a list of such pairs; `host` its own address, `to` that of `remote`; `options` are SIPp's."""
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder, prefix=f"{scenario}-"))
        self.scenario = scenario
        self.port = port or free_port()
        text = (SIPP / f"{scenario}.xml").read_text()
        file = self.folder / f"{scenario}.xml"
        for old, new in replace if isinstance(replace, list) else [replace] if replace else []:
            text = text.replace(old, new)
        file.write_text(text)
        arguments = ["sipp", "-sf", str(file), "-i", host, "-p", str(self.port)]
        arguments += ["-nostdin", "-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_err", "-error_file", "errors.log"]
        arguments += ["-buff_size", "4000000"]
        for key, value in options.items():
            arguments += [f"-{key}"] if value is True else [f"-{key}", *str(value).split()]
        if remote is not None:
            arguments.append(f"{to}:{remote}")
        nothing = subprocess.DEVNULL
        environment = os.environ | {"TERM": "xterm"}
        self.child = start(
            arguments, cwd=self.folder, stdin=nothing, stdout=nothing, stderr=open(self.folder / "stderr.log", "wb"), env=environment
        )

    def wait(self, seconds):
        """Waits for the end of a calling SIPp; answers with its counts."""
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failure(f"SIPp {self.scenario} did not end in {seconds:g} s: {self.counts()}") from None
        return self.counts()

    def quit(self, seconds=10.0):
        """Ends an answering SIPp after its last call; answers with its counts."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGUSR1)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        return self.counts()

    def kill(self):
        """Ends it without a word to anybody."""
        self.child.kill()
        self.child.wait()

    def counts(self):
        """Calls `ok`, `failed`, `open` and `total` so far, from its last line of statistics."""
        rows = []
        try:
            with open(self.folder / "stat.csv", newline="") as file:
                rows = list(csv.DictReader(file, delimiter=";"))
        except FileNotFoundError:
            pass
        if not rows:
            return {"ok": 0, "failed": 0, "open": 0, "total": 0}
        row = rows[-1]
        total = int(row["TotalCallCreated"])
        return {
            "ok": int(row["SuccessfulCall(C)"]),
            "failed": int(row["FailedCall(C)"]),
            "open": int(row["CurrentCall"]),
            "total": total,
        }

    def response_times_ms(self):
        """Every response time 1, ascending, when it was started with `trace_rtt`."""
        times = []
        for path in self.folder.glob("*_rtt.csv"):
            with open(path, newline="") as file:
                times += [float(row["response_time_ms"]) for row in csv.DictReader(file, delimiter=";")]
        return sorted(times)

    def errors(self):
        """The last lines of what it complained about."""
        path = self.folder / "errors.log"
        return path.read_text(errors="replace")[-1500:] if path.exists() else ""


def percentile(ascending, fraction):
    """The value below which the fraction of the values lies."""
    if not ascending:
        return None
    return ascending[min(len(ascending) - 1, int(len(ascending) * fraction))]
