"""Asterisk and Kamailio under the same calls as the engine, where they are installed, configured here in a folder that goes.

Asterisk offers each caller to the members of one `Queue()`; Kamailio, which has no queue, relays calls as a stateful proxy
and shows what SIP alone costs. Both take the same SIPp callers and agents as the engine. CPU time is that of all processes.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import harness
import report
import sides
from budgets import variant
from harness import Failure, Sipp, free_port, wait_until

# Calls a second that each is tried with: Asterisk's queue does not serve many more on two cores.
RATES = {"engine": (100, 1000), "asterisk": (100,), "kamailio": (100, 1000)}
MEMBERS = 200
WORKERS = 4


def rows(binaries, options):
    """A row for each system and rate; a line for what is not installed."""
    found = []
    for rate in sorted({rate for rates in RATES.values() for rate in rates}):
        for name, rates in RATES.items():
            if rate not in rates:
                continue
            if name != "engine" and shutil.which(name) is None:
                print(f"{name} is not installed: skipped")
                continue
            load = variant(options, generator="sipp", rate=rate)
            runs = [one_run(binaries, name, load) for _ in range(load.runs)]
            title = {"engine": "Strowger", "asterisk": "Asterisk Queue()", "kamailio": "Kamailio, proxy only"}[name]
            found.append(report.summary(runs, name=f"{title}, {rate:,}/s", rate=rate))
    return found


def one_run(binaries, name, load):
    """One run through a system."""
    if name == "engine":
        return sides.one_run(binaries, load)
    with tempfile.TemporaryDirectory(prefix="strowger-peer-") as folder:
        agent = Sipp(folder, "agent", d=0)
        peer = {"asterisk": asterisk, "kamailio": kamailio}[name](pathlib.Path(folder), agent.port)
        try:
            sides.warm_up(folder, peer.port, load, rate=min(load.rate, 20))
            return sides.sipp_calls(folder, peer.port, load, peer.cpu_seconds, peer.rss_bytes, [agent])
        finally:
            agent.kill()
            peer.end()


class Peer:
    """A system as a child process with all its own children."""

    def __init__(self, folder, command, port):
        self.port = port
        self.log = folder / "peer.log"
        with open(self.log, "wb") as log:
            self.child = harness.start(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self._answers, f"{command[0]} answers", 30)

    def _answers(self):
        if self.child.poll() is not None:
            raise Failure(f"it ended with {self.child.returncode}: {self.log.read_text(errors='replace')[-2000:]}")
        rows = pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]
        return any(int(row.split()[1].split(":")[1], 16) == self.port for row in rows)

    def processes(self):
        """The ids of the child and of all below it."""
        parents = {}
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(path.parent.name)] = int(path.read_text().rsplit(") ", 1)[1].split()[1])
            except OSError:
                continue
        family = [self.child.pid]
        for process in family:
            family += [child for child, parent in parents.items() if parent == process]
        return family

    def cpu_seconds(self):
        """User and system time of all processes so far."""
        total = 0
        for process in self.processes():
            fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / harness.TICKS

    def rss_bytes(self):
        """Resident memory of all processes; pages that they share are counted once for each."""
        statm = [pathlib.Path(f"/proc/{process}/statm").read_text().split()[1] for process in self.processes()]
        return sum(map(int, statm)) * harness.PAGE

    def end(self):
        """Ends it, by the ids of its own processes."""
        family = self.processes() if self.child.poll() is None else []
        for process in family:
            try:
                os.kill(process, signal.SIGTERM)
            except ProcessLookupError:
                continue
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        time.sleep(0.2)


def kamailio(folder, agent_port):
    """A stateful proxy that sends every call to the agents."""
    port = free_port()
    path = folder / "kamailio.cfg"
    path.write_text(f"""
debug=1
log_stderror=yes
children={WORKERS}
listen=udp:{harness.HOST}:{port}
auto_aliases=no
dns=no
rev_dns=no
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (has_totag()) {{
        loose_route();
        t_relay();
        exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    t_check_trans();
    if (is_method("INVITE")) {{
        record_route();
        $du = "sip:{harness.HOST}:{agent_port}";
        t_relay();
        exit;
    }}
    sl_send_reply("405", "Method Not Allowed");
}}
""")
    command = ["kamailio", "-f", str(path), "-DD", "-E", "-m", "512", "-M", "32", "-Y", str(folder), "-P", str(folder / "pid")]
    return Peer(folder, command, port)


ASTERISK_MODULES = """
pbx_config res_timing_timerfd res_rtp_asterisk res_pjproject res_sorcery_config res_sorcery_memory res_sorcery_astdb
res_pjsip res_pjsip_session res_pjsip_sdp_rtp res_pjsip_pubsub res_pjsip_endpoint_identifier_ip res_pjsip_caller_id
res_pjsip_nat chan_pjsip bridge_simple bridge_native_rtp bridge_holding codec_ulaw codec_alaw app_queue app_dial
func_callerid func_channel
""".split()


def asterisk(folder, agent_port):
    """A queue whose members are endpoints at the agents' port."""
    port = free_port()
    for name in ("run", "spool", "log", "db"):
        (folder / name).mkdir()
    members = range(1001, 1001 + MEMBERS)
    files = {
        "asterisk.conf": "[directories]\n"
        + f"astetcdir => {folder}\nastrundir => {folder}/run\nastspooldir => {folder}/spool\n"
        + f"astlogdir => {folder}/log\nastdbdir => {folder}/db\n[options]\nmaxfiles = 100000\nnocolor = yes\n",
        "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in ASTERISK_MODULES),
        "logger.conf": "[logfiles]\nmessages => error\n",
        "rtp.conf": "[general]\nrtpstart=12000\nrtpend=31999\n",
        "extensions.conf": "[callers]\nexten => 800,1,Queue(load,r)\n same => n,Hangup()\n",
        "queues.conf": "[general]\nautofill=yes\n[load]\nstrategy=rrmemory\ntimeout=15\nretry=1\nwrapuptime=0\nringinuse=no\n"
        + "joinempty=yes\n"
        + "".join(f"member => PJSIP/{n}\n" for n in members),
        "pjsip.conf": f"[global]\ntype=global\nendpoint_identifier_order=ip\n[udp]\ntype=transport\nprotocol=udp\n"
        f"bind={harness.HOST}:{port}\n[callers]\ntype=endpoint\ntransport=udp\ncontext=callers\ndisallow=all\nallow=alaw,ulaw\n"
        f"direct_media=no\n[callers]\ntype=identify\nendpoint=callers\nmatch={harness.HOST}\n"
        + "".join(
            f"[{n}]\ntype=endpoint\ntransport=udp\ncontext=callers\ndisallow=all\nallow=alaw,ulaw\ndirect_media=no\naors={n}\n"
            f"[{n}]\ntype=aor\ncontact=sip:{n}@{harness.HOST}:{agent_port}\n"
            for n in members
        ),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return Peer(folder, ["asterisk", "-C", str(folder / "asterisk.conf"), "-f"], port)
