"""Cases about control: reload under load, drain, a second signal, and the HTTP interface."""

import json
import signal
import socket
import subprocess
import time

from cases_calls import CALLERS, ON_AGENT, agents, expect_all_ok, phones, queue
from harness import HOST, check, wait_until
from sip import Peer

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 6000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)
CONTENT = "Content-Type: application/sdp\r\n"


def reload_under_load(bench):
    """SIGHUP adds queues and agents and takes agents away; a faulty file is refused whole; no call notices."""
    agent = bench.sipp("agent", d=0)
    main = queue("main", 800, ON_AGENT)
    config = CALLERS + phones("phones", agent.port) + main
    engine = bench.engine(config + agents("1001-1060", "phones", "main"))
    seconds = 60 if bench.is_long else 6
    caller = bench.sipp("caller", engine.sip, s="800", d=150, r=100, m=100 * seconds, l=1000)
    end = time.monotonic() + seconds - 1
    turn = 0
    while time.monotonic() < end:
        turn += 1
        more = queue(f"new{turn}", 9000 + turn) + agents(f"1001-{1060 - turn % 3 * 10}", "phones", "main")
        engine.write(config + more)
        engine.signal(signal.SIGHUP)
        wait_until(lambda: f'"new{turn}"' in engine.request("/v1/queues")[1], "the new queue is there", 5)
        engine.write(config + more + "[queues.wrong]\nnumbrs = 7\n")
        engine.signal(signal.SIGHUP)
        wait_until(lambda: engine.log_text().count("configuration refused") == turn, "the faulty file is refused", 5)
        check(engine.queue("main")["removed"] is False, "the old configuration is in force")
        time.sleep(0.3)
    expect_all_ok(caller, caller.wait(60), 100 * seconds)
    check("numbrs" in engine.log_text(), "the log says what is wrong")
    engine.settle()
    check(engine.queue("main")["answered"] == 100 * seconds, "all answered")


def sigterm_drains(bench):
    """No new calls from the first moment; waiting callers flow out at the limit; talks finish; exit code 0."""
    agent = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", agent.port)
        + '[drain]\nlimit = "2s"\n'
        + queue("main", 800)
        + queue("empty", 801)
        + agents("1001-1005", "phones", "main")
    )
    engine = bench.engine(config)
    waiting = bench.sipp("caller_stays", engine.sip, s="801", r=50, m=10)
    talking = bench.sipp("caller", engine.sip, s="800", d=5000, r=50, m=3)
    wait_until(lambda: engine.queue("empty")["waiting"] == 10 and engine.queue("main")["answered"] == 3, "calls live")
    with Peer(engine.sip) as peer:
        check(peer.ping() == 200, "OPTIONS is answered 200 before")
        engine.signal(signal.SIGTERM)
        wait_until(lambda: engine.status("/readyz") == 503, "not ready at once", 1)
        check(engine.status("/livez") == 200, "alive")
        code, text = wait_until(lambda: probe(peer, "OPTIONS", 503), "OPTIONS is answered 503", 2)
        peer.request("INVITE", "800", CONTENT, SDP)
        code, text = peer.final()
        check(code == 503 and "\r\nRetry-After:" in text, f"a new call gets {code}: {text}")
        check(engine.queue("empty")["waiting"] == 10, "those who wait still wait")
    expect_all_ok(waiting, waiting.wait(10), 10)
    ended = engine.metric("acd_calls_flowout_total", queue="empty", reason="engine_restart")
    check(ended == 10, "flowed out as the engine ended")
    expect_all_ok(talking, talking.wait(10), 3)
    check(engine.child.wait(10) == 0, "exit code 0")
    expect_all_ok(agent, agent.quit(), 3)


def probe(peer, method, code):
    """The final response when it has this code."""
    peer.request(method)
    final = peer.final(1)
    return final if final[0] == code else None


def a_second_signal_ends_at_once(bench):
    """Calls or no calls."""
    config = CALLERS + queue("empty", 801) + agents("1001", "callers", "other", 'initial = "not-ready"')
    engine = bench.engine(config)
    waiting = bench.sipp("caller_stays", engine.sip, s="801", m=1)
    wait_until(lambda: engine.queue("empty")["waiting"] == 1, "a caller waits")
    engine.signal(signal.SIGTERM)
    wait_until(lambda: engine.status("/readyz") == 503, "draining", 2)
    check(engine.child.poll() is None, "it waits for the call")
    engine.signal(signal.SIGINT)
    check(engine.child.wait(2) == 1, "exit code 1")
    waiting.kill()


def the_control_plane_acts(bench):
    """Lists, actions, refusals with the right codes, and an audit line for each action."""
    agent = bench.sipp("agent", d=0)
    config = (
        CALLERS
        + phones("phones", agent.port)
        + queue("main", 800)
        + queue("other", 801)
        + agents("1001-1002", "phones", "main", 'initial = "not-ready"')
    )
    engine = bench.engine(config)
    post = lambda path, body: engine.request(path, body)
    for path, body, code in [
        ("/v1/agents/1009/state", {"state": "ready"}, 404),
        ("/v1/agents/1001/state", {"state": "asleep"}, 400),
        ("/v1/agents/1001/state", {"state": "not-ready"}, 400),
        ("/v1/calls/c999", {"action": "hangup"}, 404),
        ("/v1/calls/nonsense", {"action": "hangup"}, 404),
        ("/v1/calls/c1", {"action": "park"}, 400),
        ("/v1/nothing", None, 404),
        ("/v1/calls?limit=0", None, 400),
    ]:
        got, text = post(path, body)
        check(got == code, f"{path} {body}: {got}, not {code}")
        check(json.loads(text)["status"] == code, f"{path}: no problem document: {text}")
    check(engine.request("/v1/agents/1001/state", {}, {"Content-Type": "text/plain"})[0] == 415, "JSON is asked for")

    foreign = engine.request("/v1/agents/1001/state", {"state": "ready"}, {"Host": "calls.example"})
    check(foreign[0] == 403, f"a foreign name is refused: {foreign}")

    stays = bench.sipp("caller_stays", engine.sip, s="800", m=2, r=10)
    wait_until(lambda: engine.queue("main")["waiting"] == 2, "two wait")
    # The list is in the order of ids, which several shards give independently.
    first, second = sorted(engine.json("/v1/calls")["calls"], key=lambda call: call["position"])
    check(first["state"] == "waiting" and first["position"] == 1 and second["position"] == 2, f"{first} {second}")
    check("caller" in first and "caller1" not in json.dumps(first), "the caller is masked")
    check(post(f"/v1/calls/{second['id']}", {"action": "requeue", "queue": "other"})[0] == 200, "requeue")
    wait_until(lambda: engine.queue("other")["waiting"] == 1, "it waits there")
    check(post(f"/v1/calls/{second['id']}", {"action": "requeue", "queue": "no"})[0] == 404, "no such queue")
    check(post("/v1/agents/1001/state", {"state": "ready"})[0] == 200, "ready")
    wait_until(lambda: engine.queue("main")["answered"] == 1, "the first is answered")
    check(post("/v1/agents/1002/state", {"state": "not-ready", "reason": "lunch"})[0] == 200, "not ready")
    check(engine.agents()["1002"]["reason"] == "lunch", "the reason is shown")
    for call in (first, second):
        check(post(f"/v1/calls/{call['id']}", {"action": "hangup"})[0] == 200, "hang up")
    expect_all_ok(stays, stays.wait(10), 2)
    engine.settle()
    audit = [line for line in engine.log_text().splitlines() if "audit" in line]
    check(len(audit) >= 9 and all("local" in line for line in audit), f"{len(audit)} audit lines")

    client = lambda *words: subprocess.run(
        [str(bench.binary), *words, "--url", f"http://{HOST}:{engine.http}"], capture_output=True, text=True, timeout=20
    )
    shown = client("queues")
    check(shown.returncode == 0 and "main" in shown.stdout, f"{shown}")
    check(json.loads(client("agents", "--json").stdout)["total"] == 2, "agents --json")
    check(client("agent", "set", "1001", "not-ready", "tea").returncode == 0, "agent set")
    check(engine.agents()["1001"]["reason"] == "tea", "agent set acts")
    check(client("agent", "set", "1009", "ready").returncode == 1, "exit code 1")
    check(client("agent", "set", "1001", "asleep").returncode == 2, "exit code 2")


def tokens_are_asked_for(bench):
    """Where tokens are configured, /v1 needs one; health and metrics do not. Off loopback they must be configured."""
    base = CALLERS + queue("main", 800) + agents("1001", "callers", "main")
    engine = bench.engine(base)
    text = engine.path.read_text().replace("[sip]", f'tokens = {{ ann = "a-secret-of-ann-0123" }}\n[sip]', 1)
    engine.path.write_text(text)
    engine.signal(signal.SIGHUP)
    wait_until(lambda: engine.status("/v1/queues") == 401, "a token is asked for")
    check(engine.status("/metrics") == 200 and engine.status("/readyz") == 200, "open addresses")
    ask = lambda token: engine.request("/v1/queues", headers={"Authorization": f"Bearer {token}"})[0]
    check(ask("a-secret-of-ann-0123") == 200 and ask("a-secret-of-ann-0124") == 401, "the right token only")
    engine.request("/v1/agents/1001/state", {"state": "ready"}, {"Authorization": "Bearer a-secret-of-ann-0123"})
    check('ann' in next(line for line in engine.log_text().splitlines() if "audit" in line), "the audit line says who")
    engine.path.write_text(engine.path.read_text().replace(f'"{HOST}:{engine.http}"', f'"0.0.0.0:{engine.http}"'))
    bare = "\n".join(line for line in engine.path.read_text().splitlines() if not line.startswith("tokens"))
    engine.path.write_text(bare)
    checked = subprocess.run([str(bench.binary), "check", "--config", str(engine.path)], capture_output=True, text=True)
    check(checked.returncode == 2 and "token" in checked.stderr, f"{checked}")


def a_taken_port_is_an_error(bench):
    """Not a silent fallback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind((HOST, 0))
        port = held.getsockname()[1]
        path = f"{bench.folder}/taken.toml"
        with open(path, "w") as file:
            file.write(f'[sip]\nlisten = "{HOST}:{port}"\n[http]\nlisten = "{HOST}:0"\n' + CALLERS + queue("main", 800))
        done = subprocess.run([str(bench.binary), "serve", "--config", path], capture_output=True, text=True, timeout=20)
        check(done.returncode == 1 and str(port) in done.stderr, f"{done}")


def the_demo_adds_up(bench):
    """`demo --duration 8s --json` prints one JSON object whose totals add up."""
    words = ["demo", "--duration", "8s", "--json", "--calls-per-minute", "120", "--seed", "7"]
    words += ["--sip", f"{HOST}:0", "--http", f"{HOST}:0"]
    done = subprocess.run([str(bench.binary), *words], capture_output=True, text=True, timeout=90)
    check(done.returncode == 0, f"{done}")
    totals = json.loads(done.stdout)
    for name, row in {"total": totals["total"], **totals["queues"]}.items():
        out = row["answered"] + row["abandoned"] + row["flowed_out"] + row["waiting"]
        check(row["offered"] == out and row["waiting"] == 0, f"{name}: {row}")
    check(totals["total"]["offered"] >= 5 and totals["total"]["answered"] >= 3, f"{totals}")
    check(set(totals["queues"]) == {"support", "sales", "vip"}, f"{totals}")


BESIDE = [the_demo_adds_up]
CASES = [
    reload_under_load,
    sigterm_drains,
    a_second_signal_ends_at_once,
    the_control_plane_acts,
    tokens_are_asked_for,
    a_taken_port_is_an_error,
]
