"""Cases about who proves what: phones that register at the engine, and peers, with SIPp's own digest."""

import hashlib
import re

from cases_calls import CALLERS, ON_AGENT, agents, expect_all_ok, phones, queue
from cases_routing import client
from cases_transfer import QUEUE
from harness import check, free_port, wait_until

REGISTRAR = '[registrar]\nkeep_alive = "0s"\nalgorithms = ["MD5"]\n'
PHONE = '[agents."1001"]\nregister = true\npassword = "right"\n'


def a_phone_registers_by_digest_and_is_called(bench):
    """Unreachable without a registration; refused by a wrong password; rung where its REGISTER came from."""
    engine = bench.engine(CALLERS + REGISTRAR + QUEUE + PHONE)
    row = lambda: engine.agents()["1001"]
    check((row()["state"], row()["unreachable"]) == ("unreachable", "not registered"), f"{row()}")
    wrong = bench.sipp("phone_registers", engine.sip, replace=("password=right", "password=wrong"), m=1)
    check(wrong.wait(10)["failed"] == 1 and "403" in wrong.errors(), "a wrong password gets 403")
    check(row()["state"] == "unreachable", "and no registration")
    port = free_port()
    right = bench.sipp("phone_registers", engine.sip, port, m=1)
    check(right.wait(10)["ok"] == 1, right.errors())
    wait_until(lambda: row()["state"] == "ready", "1001 is ready")
    check(row()["registration"]["source"].endswith(f":{port}"), f"{row()}")
    listed = engine.json("/v1/registrations")
    check((listed["total"], listed["registrations"][0]["agent"]) == (1, "1001") and listed["registrations"][0]["rung"], f"{listed}")
    check(f":{port}" in client(bench, engine, "registrations"), "printed")
    phone = bench.sipp("agent", port=port, d=0)
    caller = bench.sipp("caller", engine.sip, s="800", d=200, m=5)
    check(caller.wait(30)["ok"] == 5, "five calls, one after the other")
    engine.settle()
    check(phone.quit()["failed"] == 0, "the phone had them all")


def peers_prove_themselves_by_md5(bench):
    """A caller's INVITE is challenged by 401 and comes again with a proof, a guess gets nobody in; the agent's proxy asks by 407 and
    gets a proof that is good."""
    phone = bench.sipp("agent_challenges", trace_msg=True, message_file="messages.log")
    callers = CALLERS + 'auth = { username = "trunk", password = "right", algorithms = ["MD5"] }\n'
    peer = phones("phones", phone.port, 'outbound_auth = { username = "strowger", password = "ours" }')
    engine = bench.engine(callers + peer + queue("main", 800, ON_AGENT) + agents("1001-1003", "phones", "main"))
    caller = bench.sipp("caller_proves", engine.sip, s="800", d=100, m=3)
    expect_all_ok(caller, caller.wait(30), 3)
    guess = bench.sipp("caller_proves", engine.sip, s="800", m=1, replace=("password=right", "password=guess"))
    check(guess.wait(20)["failed"] == 1, "a wrong password is no caller")
    engine.settle()
    check(engine.queue("main")["offered"] == engine.queue("main")["answered"] == 3, f"{engine.queue('main')}")
    expect_all_ok(phone, phone.quit(), 3)
    proofs = re.findall(r"^Proxy-Authorization: *Digest (.*?)\r?$", (phone.folder / "messages.log").read_text(), re.M)
    check(len(proofs) == 3, f"a proof each: {proofs}")
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    for proof in proofs:
        said = {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', proof)}
        secret, request = md5(f"strowger:{said['realm']}:ours"), md5(f"INVITE:{said['uri']}")
        expected = md5(f"{secret}:{said['nonce']}:{said['nc']}:{said['cnonce']}:auth:{request}")
        check((said["username"], said["response"], said["realm"]) == ("strowger", expected, "sipp"), proof)


BESIDE = []
CASES = [a_phone_registers_by_digest_and_is_called, peers_prove_themselves_by_md5]
