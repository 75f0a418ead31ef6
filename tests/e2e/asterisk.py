"""A real Asterisk with `configs/asterisk/` as it stands, in a network of its own, with Strowger beside it.

    @beside_asterisk
    def a_case(site):               site.engine, site.pbx, site.phones(...), site.caller(...)

The first use installs Asterisk from Debian's own packages into a folder (STROWGER_ASTERISK names it; else one below the
system's folder for temporary files), by mmdebstrap, from the mirror that this machine's apt uses. The machine itself stays as
it is: Asterisk runs in that folder by chroot, and its mounts and its network end with it. All this needs root.
"""

import collections
import csv
import ctypes
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from harness import ROOT, Engine, Failure, check, start, wait_until
from phone import Phone
from tls import Authority

CONFIGS = ROOT / "configs" / "asterisk"
# The addresses of configs/asterisk: everything is on loopback, and so is all of the world in a network namespace.
PBX, STROWGER_SIP, STROWGER_HTTP = ("127.0.0.1", 5060), 5080, 8080
TRUNK, PHONES = "127.0.0.2", "127.0.0.3"
PACKAGES = "asterisk,asterisk-modules,asterisk-config,procps"
# Asterisk is in Debian's unstable suite only. It moves: nothing here depends on a version.
SUITE = "sid"
CLONE_NEWNET = 0x4000_0000

# What mmdebstrap's folder needs at run time, in mounts that nobody else sees: $1 the folder, $2 the configuration, $3 the
# case's own folder, then the command.
ENTER = """
set -e
mount -t proc proc "$1/proc"
mount --bind "$2" "$1/etc/asterisk"
mount --bind "$3" "$1/mnt"
echo "127.0.0.1 localhost $(hostname)" > "$1/etc/hosts"
root=$1; shift 3
exec chroot "$root" "$@"
"""

# The folders of a test's Asterisk; everything else is configs/asterisk.
FOLDERS = """
[directories]
astetcdir => /etc/asterisk
astmoddir => {modules}
astvarlibdir => /var/lib/asterisk
astdbdir => /mnt
astkeydir => /var/lib/asterisk
astdatadir => /usr/share/asterisk
astagidir => /usr/share/asterisk/agi-bin
astspooldir => /mnt
astrundir => /mnt
astlogdir => /mnt
[options]
nocolor = yes
documentation_language = en_US
"""


def why_not():
    """Why this user cannot run these tests; None when he can. For root nothing is excused: what is missing then is a failure."""
    return None if os.geteuid() == 0 else "needs root: chroot, mounts, a network namespace"


def installed():
    """The folder of an installed Asterisk; installs it at the first use, which takes about a minute."""
    folder = pathlib.Path(os.environ.get("STROWGER_ASTERISK") or pathlib.Path(tempfile.gettempdir()) / "strowger-asterisk")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "usr/sbin/asterisk").exists():
            install(folder)
    return folder


def install(folder):
    """Asterisk and what it needs, in this folder; nothing is left of an attempt that failed."""
    if shutil.which("mmdebstrap") is None:
        raise Failure("missing: mmdebstrap. On Debian: apt-get install mmdebstrap")
    begin = time.monotonic()
    part = pathlib.Path(f"{folder}.part")
    shutil.rmtree(part, ignore_errors=True)
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=apt", f"--include={PACKAGES}"]
    # A mirror that is a snapshot of the past stays usable.
    command += ["--aptopt=Apt::Install-Recommends \"false\"", "--aptopt=Acquire::Check-Valid-Until \"false\""]
    command += [SUITE, str(part), f"deb {mirror()} {SUITE} main"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        shutil.rmtree(part, ignore_errors=True)
        raise Failure(f"mmdebstrap ended with {done.returncode}: {done.stderr[-2000:]}")
    part.rename(folder)
    print(f"installed Asterisk into {folder} in {time.monotonic() - begin:.0f} s", file=sys.stderr)


def mirror():
    """Where this machine's apt gets Debian itself from: the first source of its own release's main component."""
    release = pathlib.Path("/etc/os-release").read_text()
    codename = re.search(r"^VERSION_CODENAME=(\S+)", release, re.M)
    check(codename, "/etc/os-release names no Debian release")
    for addresses, suites, components in apt_sources():
        if codename[1] in suites and "main" in components and addresses:
            return addresses[0]
    raise Failure(f"no apt source of {codename[1]} main")


def apt_sources():
    """Addresses, suites and components of each apt source, of both file formats."""
    folder = pathlib.Path("/etc/apt")
    for path in sorted(folder.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            field = lambda name: (re.search(rf"^{name}:(.*)$", stanza, re.M | re.I) or ["", ""])[1].split()
            yield field("URIs"), field("Suites"), field("Components")
    for path in [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]:
        for line in path.read_text().splitlines() if path.exists() else []:
            words = re.sub(r"\[.*?\]", "", line).split()
            if len(words) > 3 and words[0] == "deb":
                yield [words[1]], [words[2]], words[3:]


def beside_asterisk(case):
    """A case that is given a `Site`, in a thread and a network of its own: its ports collide with nobody's."""
    return beside(case, lambda bench: (CONFIGS, "strowger.toml"))


def beside_asterisk_by_tls(case, encrypted=False):
    """The same with TLS between both: pjsip_strowger_tls.conf and strowger_tls.toml, and certificates of a CA of the case; audio
    `encrypted` too, by the lines of both that are comments."""

    def configs(bench):
        folder = pathlib.Path(bench.folder) / "configs"
        shutil.copytree(CONFIGS, folder)
        main = folder / "pjsip.conf"
        main.write_text(main.read_text().replace("#include pjsip_strowger.conf", "#include pjsip_strowger_tls.conf"))
        keys = folder / "keys"
        keys.mkdir()
        ca = Authority(keys)
        ca.issue("pbx", "pbx.example")
        ca.issue("strowger", "127.0.0.1")
        for file, comment in (("pjsip_strowger_tls.conf", ";media_encryption"), ("strowger_tls.toml", "#srtp")):
            text = (folder / file).read_text()
            check(comment in text, f"{file} has no {comment}")
            if encrypted:
                (folder / file).write_text(text.replace(comment, comment[1:], 1))
        return folder, "strowger_tls.toml"

    return beside(case, configs)


def beside_asterisk_encrypted(case):
    """TLS between both, and SRTP."""
    return beside_asterisk_by_tls(case, encrypted=True)


def beside_asterisk_that(old, new, file):
    """The same with another text in one of the files."""
    return beside_asterisk_with({file: [(old, new)]})


def beside_asterisk_with(changes):
    """The same with other texts in these files: for each file the old and the new ones; None instead of an old one: at the end."""

    def configs(bench):
        folder = pathlib.Path(bench.folder) / "configs"
        shutil.copytree(CONFIGS, folder)
        for file, texts in changes.items():
            change(folder / file, *texts)
        return folder, "strowger.toml"

    return lambda case: beside(case, configs)


def beside_a_distribution_s_asterisk(changes, copied):
    """The same with the configuration that comes with Asterisk's package, these texts in its files, and these files of ours beside
    them, as they stand."""

    def configs(bench):
        folder = pathlib.Path(bench.folder) / "configs"
        shutil.copytree(installed() / "etc/asterisk", folder)
        for file in copied:
            shutil.copy(CONFIGS / file, folder / file)
        for file, texts in changes.items():
            change(folder / file, *texts)
        return folder, "strowger.toml"

    return lambda case: beside(case, configs)


def change(path, *texts):
    """Puts the new texts in the place of the old ones; after None, at the end."""
    text = path.read_text()
    for old, new in texts:
        check(old is None or old in text, f"{path.name} has no {old}")
        text = f"{text}\n{new}" if old is None else text.replace(old, new, 1)
    path.write_text(text)


def beside(case, configs):
    """`configs` gives the folder of Asterisk's configuration, and the name of Strowger's there."""

    def run(bench):
        reason = why_not()
        if reason:
            print(f"{case.__name__}: skipped: {reason}", flush=True)
            return
        folder = installed()
        raised = []

        def body():
            site = None
            try:
                leave_the_network()
                site = Site(bench, folder, *configs(bench))
                case(site)
            except BaseException as error:  # a thread's own exception is lost otherwise
                raised.append(error)
            finally:
                if site is not None:
                    site.close()

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if raised:
            raise raised[0]

    run.__name__, run.__doc__ = case.__name__, case.__doc__
    return run


def leave_the_network():
    """This thread, and what it starts, is in a network with nothing but loopback from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise Failure(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    get_flags, set_flags, is_up, name = 0x8913, 0x8914, 1, b"lo".ljust(16, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, get_flags, name + bytes(24))
        flags = int.from_bytes(answer[16:18], sys.byteorder) | is_up
        fcntl.ioctl(any_socket, set_flags, name + flags.to_bytes(2, sys.byteorder) + bytes(22))


class Verbatim(Engine):
    """Strowger with a configuration of `configs/asterisk` as it stands."""

    def __init__(self, binary, folder, path):
        self.sip, self.http = STROWGER_SIP, STROWGER_HTTP
        self.folder, self.path = pathlib.Path(folder), path
        self.log_path = self.folder / f"engine-{time.monotonic_ns()}.log"
        self.log = open(self.log_path, "wb")
        command = [str(binary), "serve", "--config", str(self.path), "--log-level", "info"]
        self.child = start(command, stdout=self.log, stderr=self.log)
        wait_until(self._is_ready, "the engine is ready")


class Asterisk:
    """A running Asterisk with `configs/asterisk` as it stands, or with a folder like it."""

    def __init__(self, root, folder, configs=CONFIGS):
        self.root, self.folder, self.configs = root, pathlib.Path(folder), configs
        modules = next(root.glob("usr/lib/*/asterisk/modules"))
        (self.folder / "asterisk.conf").write_text(FOLDERS.format(modules=f"/{modules.relative_to(root)}"))
        (self.folder / "cdr-csv").mkdir(exist_ok=True)
        self.child = None
        self.start()

    def _enter(self, *words):
        """The command line that runs these words in Asterisk's folder."""
        mounted = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"]
        return [*mounted, str(self.root), str(self.configs), str(self.folder), *words]

    def start(self):
        """Starts it; ready when it has read everything."""
        log = open(self.folder / "console.log", "ab")
        words = self._enter("/usr/sbin/asterisk", "-C", "/mnt/asterisk.conf", "-f", "-g", "-n", "-vvv")
        self.child = start(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        wait_until(self._is_booted, "Asterisk is ready", 30)

    def _is_booted(self):
        if self.child.poll() is not None:
            raise Failure(f"Asterisk ended with {self.child.returncode}: {self.console()[-2000:]}")
        return "fully booted" in self.command("core waitfullybooted")

    def command(self, text, seconds=20):
        """What Asterisk answers to a command of its console."""
        words = self._enter("/usr/sbin/asterisk", "-C", "/mnt/asterisk.conf", "-rx", text)
        return subprocess.run(words, capture_output=True, text=True, timeout=seconds).stdout

    def console(self):
        """What it said so far."""
        return (self.folder / "console.log").read_text(errors="replace")

    def kill(self):
        """Ends it without a word to anybody: its calls are gone, nobody is told."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()

    def signal(self, number):
        """Sends a signal."""
        self.child.send_signal(number)

    def channels(self):
        """How many channels live."""
        return int(re.search(r"(\d+) active channel", self.command("core show channels count"))[1])

    def settle(self, seconds=15.0):
        """Waits until no channel lives, so that every record has been written."""
        wait_until(lambda: self.channels() == 0, "Asterisk has no channel left", seconds)

    def records(self):
        """The records of all calls so far."""
        path = self.folder / "cdr-csv" / "Master.csv"
        with open(path, newline="") as file:
            return [Record(*row[:len(Record._fields)]) for row in csv.reader(file)] if path.exists() else []


# A line of cdr_csv.
Record = collections.namedtuple(
    "Record",
    "account source destination context caller channel far_channel application data start answer end duration billed"
    " disposition flags id",
)


class Site:
    """Asterisk, Strowger, phones and callers."""

    def __init__(self, bench, root, configs=CONFIGS, name="strowger.toml"):
        self.bench, self.folder, self.strowger = bench, pathlib.Path(bench.folder), configs / name
        self.pbx = self.engine = None
        self.open_phones = []
        try:
            self.pbx = Asterisk(root, tempfile.mkdtemp(dir=bench.folder, prefix="asterisk-"), configs)
            self.start_engine()
        except BaseException:
            self.close()
            raise

    def start_engine(self):
        """Starts Strowger (again); ready when each has found the other, and every agent is ready."""
        self.engine = Verbatim(self.bench.binary, self.folder, self.strowger)
        wait_until(lambda: "Avail" in self.pbx.command("pjsip show contacts"), "Asterisk has found Strowger")
        self.everybody_is_ready()

    def reload(self, old, new):
        """Strowger reads its configuration again, with another text."""
        reloads = lambda: self.engine.log_text().count("configuration reloaded")
        before = reloads()
        change(self.strowger, (old, new))
        self.engine.signal(signal.SIGHUP)
        wait_until(lambda: reloads() > before, "it has read that")

    def calls(self):
        """Strowger's calls by their ids."""
        return {call["id"]: call for call in self.engine.json("/v1/calls?limit=1000")["calls"]}

    def call_of(self, agent):
        """The id of the call that this agent has."""
        return {call.get("agent"): id for id, call in self.calls().items()}[agent]

    def ask(self, call, **what):
        """The control plane is asked something about a call."""
        status, text = self.engine.request(f"/v1/calls/{call}", what)
        check(status == 200, f"{what}: {text}")

    def close(self):
        """Ends all."""
        for phone in self.open_phones:
            phone.close()
        if self.engine is not None:
            self.engine.kill()
        if self.pbx is not None:
            self.pbx.kill()

    def phones(self, names, scenario="agent", **options):
        """One SIPp that is the phones of these agents; they register at Asterisk by digest. The other agents have none, and
        are logged out by `only`."""
        sipp = self.bench.sipp(scenario, host=PHONES, **options)
        for name in names:
            self.register(name, sipp.port)
        return sipp

    def phone(self, name, **options):
        """A phone that does as it is told, registered at Asterisk."""
        phone = Phone(name, PHONES, **options)
        self.open_phones.append(phone)
        self.register(name, phone.port)
        return phone

    def dial(self, phone, number):
        """This phone calls a number by Asterisk, with its password."""
        proof = lambda challenge, method, uri: digest(challenge, phone.name, f"change-me-{phone.name}", method, uri)
        return phone.dial(number, PBX, proof)

    def register(self, name, port, expires=3600):
        """Registers one phone at Asterisk; for 0 s: takes that back."""
        register(name, f"change-me-{name}", PHONES, port, expires)

    def only(self, names):
        """Logs every other agent out."""
        others = [agent for agent in self.engine.agents() if agent not in names]
        status, text = self.engine.request("/v1/agents", {"agents": others, "set": {"state": {"state": "logged-out"}}})
        check(status == 200, text)

    def caller(self, scenario, number, **options):
        """SIPp as the trunk: callers from outside to this number."""
        return self.bench.sipp(scenario, PBX[1], host=TRUNK, s=number, **options)

    def dial_out(self, name):
        """The phone of this agent dials out, to a number that answers and stays."""
        self.bench.sipp("agent", host=TRUNK, port=5062, d=0)
        self.pbx.command("module load res_clioriginate.so")
        self.pbx.command(f"channel originate PJSIP/{name} extension 9555@from-phones")
        wait_until(lambda: self.pbx.channels() == 2, f"{name} talks outside")

    def hang_up_phone(self, name):
        """The call of this agent's phone ends."""
        lines = self.pbx.command("core show channels concise").splitlines()
        channels = [line.split("!")[0] for line in lines if line.startswith(f"PJSIP/{name}-")]
        check(channels, f"{name} is in no call: {lines}")
        for channel in channels:
            self.pbx.command(f"channel request hangup {channel}")

    def wait_for_state(self, name, state, seconds=10.0):
        """Waits until the agent is in this state, for whatever reason."""
        try:
            wait_until(lambda: self.state(name).split()[0] == state, f"{name} is {state}", seconds)
        except Failure as failure:
            raise Failure(f"{failure}: {self.engine.agents()[name]}") from None

    def state(self, name):
        """The state of an agent, and its reason."""
        agent = self.engine.agents()[name]
        return agent["state"] if agent.get("reason") is None else f"{agent['state']} {agent['reason']}"

    def everybody_is_ready(self, seconds=15.0, excused=()):
        """Waits until every agent who is logged in, but these, is ready: nobody is stuck, and nobody was punished."""
        states = lambda: {name: self.state(name) for name in self.engine.agents() if name not in excused}
        stuck = lambda: {name: state for name, state in states().items() if state not in ("ready", "logged_out")}
        try:
            wait_until(lambda: not stuck(), "every agent is ready", seconds)
        except Failure as failure:
            raise Failure(f"{failure}: {stuck()}") from None

    def rest(self, seconds=15.0, excused=()):
        """Waits until neither has a call left and every agent is ready; nothing is left that the engine had to mend."""
        self.engine.settle(seconds)
        self.pbx.settle(seconds)
        self.everybody_is_ready(seconds, excused)
        for family in ("acd_contacts_in_progress", "acd_invariant_violations_total", "acd_repaired_total"):
            check(self.engine.metric(family) == 0, f"{family} is {self.engine.metric(family):g}")

    def settle(self, seconds=15.0, excused=(), crossings=0):
        """The same, and holds Strowger's counts against Asterisk's records: both must have run as long."""
        self.rest(seconds, excused)
        agree(self.engine, self.pbx.records(), crossings)


def agree(engine, records, crossings):
    """Holds Strowger's counts against Asterisk's records of the same calls: the callers', and the offers to the agents. A phone may
    answer in the moment in which the caller hangs up: to Asterisk it has answered, to Strowger the offer was cancelled. So many
    `crossings` may be; the sum of both must be the same."""
    # Phones that dial codes are no callers.
    sent = [record for record in records if record.far_channel.startswith("PJSIP/strowger-")]
    sent = [record for record in sent if not record.destination.startswith("*")]
    offered = engine.metric("acd_contacts_offered_total")
    check(len(sent) == offered, f"Strowger was offered {offered:g} calls, Asterisk sent {len(sent)}")
    # Only a queue that rings until an agent answers leaves its caller's record unanswered.
    rings = engine.queue("sales")
    reached = sum(record.destination == "801" and record.disposition == "ANSWERED" for record in sent)
    check(reached == rings["answered"], f"{rings['answered']} callers of 801 were answered, by Asterisk's records {reached}")
    left = sum(record.destination == "801" and record.disposition == "NO ANSWER" for record in sent)
    check(left == rings["abandoned"], f"{rings['abandoned']} callers of 801 gave up, by Asterisk's records {left}")
    result = lambda *names: sum(engine.metric("acd_offers_total", result=name) for name in names)
    found = {
        "ANSWERED": result("accepted"),
        "NO ANSWER": result("canceled", "timed_out"),
        "BUSY": result("rejected"),
    }
    offers = offers_of(records)
    recorded = {word: sum(disposition == word for disposition in offers.values()) for word in found}
    crossed = recorded["ANSWERED"] - found["ANSWERED"]
    check(0 <= crossed <= crossings, f"offers: Strowger counts {found}, Asterisk's records have {recorded}")
    expected = found | {"ANSWERED": found["ANSWERED"] + crossed, "NO ANSWER": found["NO ANSWER"] - crossed}
    check(recorded == expected, f"offers: Strowger counts {found}, Asterisk's records have {recorded}")
    check(len(offers) == sum(recorded.values()), f"offers that ended otherwise: {set(offers.values())}")
    answered = engine.metric("acd_calls_answered_total")
    check(answered == found["ANSWERED"], f"answered {answered:g}, accepted offers {found['ANSWERED']:g}")


def offers_of(records):
    """How each offer to an agent's phone ended, by its channel. One that is refused leaves a record of the Dial() and one of the
    Hangup() behind it; a caller whom the PBX has handed on, another with whoever has him then."""
    offers = {}
    for record in records:
        if record.channel.startswith("PJSIP/strowger-") and not record.destination.startswith("9"):
            is_answered = record.disposition == "ANSWERED" or offers.get(record.id) == "ANSWERED"
            offers[record.id] = "ANSWERED" if is_answered else record.disposition
    return offers


def register(name, password, host, port, expires):
    """REGISTER with digest (MD5, RFC 2617 without qop or with auth) at Asterisk."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((host, 0))
        phone.settimeout(5)
        credentials, tag = "", os.urandom(6).hex()
        for turn in (1, 2):
            phone.sendto(register_text(name, phone.getsockname(), port, expires, tag, turn, credentials).encode(), PBX)
            answer = phone.recvfrom(65_535)[0].decode()
            code = int(answer.split()[1])
            if code == 200:
                return
            check(code == 401 and turn == 1, f"REGISTER of {name}: {answer}")
            credentials = digest(answer, name, password)


def register_text(name, local, port, expires, tag, turn, credentials):
    """A REGISTER of this phone, whose contact is another socket's."""
    lines = [
        f"REGISTER sip:{PBX[0]} SIP/2.0",
        f"Via: SIP/2.0/UDP {local[0]}:{local[1]};branch=z9hG4bK{tag}{turn}",
        "Max-Forwards: 70",
        f"From: <sip:{name}@{PBX[0]}>;tag={tag}",
        f"To: <sip:{name}@{PBX[0]}>",
        f"Call-ID: {tag}@{local[0]}",
        f"CSeq: {turn} REGISTER",
        f"Contact: <sip:{name}@{local[0]}:{port}>",
        f"Expires: {expires}",
        *([f"Authorization: {credentials}"] if credentials else []),
        "Content-Length: 0",
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


def digest(challenge, name, password, method="REGISTER", uri=f"sip:{PBX[0]}"):
    """The credentials that a 401 asks for."""
    header = re.search(r"^WWW-Authenticate: *Digest (.*)$", challenge, re.M | re.I)[1]
    asked = {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    cnonce, count = os.urandom(6).hex(), "00000001"
    secret, request = md5(f"{name}:{asked['realm']}:{password}"), md5(f"{method}:{uri}")
    words = {"username": name, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri}
    if "qop" in asked:
        words["response"] = md5(f"{secret}:{asked['nonce']}:{count}:{cnonce}:auth:{request}")
        words["cnonce"] = cnonce
    else:
        words["response"] = md5(f"{secret}:{asked['nonce']}:{request}")
    words |= {"opaque": asked["opaque"]} if "opaque" in asked else {}
    tail = f", algorithm=MD5, qop=auth, nc={count}" if "qop" in asked else ", algorithm=MD5"
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in words.items()) + tail
