"""Cases about callers who are handed on, by the command line, on real calls."""

from cases_calls import CALLERS, phones
from cases_routing import agent, client, talking
from harness import check, wait_until

QUEUE = '[queues.main]\nnumbers = ["800"]\nwrap_up = "0s"\n'
OUTSIDE = '[transfer]\npeer = "phones"\n'


def a_consultation_is_completed_and_another_taken_back(bench):
    """Agent 1001 asks 1002 and goes back, then asks again and hands the caller on; the caller's dialog goes on throughout."""
    phone = bench.sipp("agent", d=0)
    away = 'initial = "not-ready"'
    engine = bench.engine(CALLERS + phones("phones", phone.port) + QUEUE + agent("1001", "[]") + agent("1002", "[]", away))
    caller = bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: talking(engine) == {"1001": "800"}, "1001 talks")
    state = lambda name: engine.agents()[name]["state"]
    row = lambda: engine.json("/v1/calls")["calls"][0]
    call = row()["id"]
    client(bench, engine, "call", "consult", call, "--to", "agent:1002", code=1)
    client(bench, engine, "agent", "set", "1002", "ready")
    client(bench, engine, "call", "consult", call, "--to", "agent:1002")
    wait_until(lambda: row().get("transfer", "").endswith("to agent 1002: talks"), "they talk")
    check((row()["state"], state("1001"), state("1002")) == ("consulting", "consult", "talking"), f"{row()}")
    check("to agent 1002" in client(bench, engine, "calls"), "printed")
    client(bench, engine, "call", "cancel", call)
    wait_until(lambda: (state("1001"), state("1002")) == ("talking", "ready"), "back to the caller")
    client(bench, engine, "call", "consult", call, "--to", "agent:1002")
    wait_until(lambda: row()["transfer"].endswith("talks"), "they talk again")
    client(bench, engine, "call", "complete", call)
    wait_until(lambda: talking(engine) == {"1002": "800"} and state("1001") == "ready", "1002 has the caller")
    for outcome in ("completed", "cancelled"):
        ended = engine.metric("acd_transfers_total", queue="main", kind="consult", target="agent", outcome=outcome)
        check(ended == 1, f"{outcome}: {ended}")
    check(engine.queue("main")["offered"] == 1, "one visit")
    client(bench, engine, "call", "hangup", call)
    engine.settle()
    check(caller.quit()["failed"] == 0, "the caller was hung up on by BYE")


def a_caller_is_handed_to_a_number_outside(bench):
    """Blindly, by way of the peer: the agent is free at once, the caller talks on with nobody of ours."""
    phone = bench.sipp("agent", d=0)
    engine = bench.engine(CALLERS + phones("phones", phone.port) + QUEUE + OUTSIDE + agent("1001", "[]"))
    caller = bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: talking(engine) == {"1001": "800"}, "1001 talks")
    call = engine.json("/v1/calls")["calls"][0]["id"]
    client(bench, engine, "call", "transfer", call, "--to", "number:+44x", code=1)
    client(bench, engine, "call", "transfer", call, "--to", "number:+442079460000")
    done = lambda: engine.metric("acd_transfers_total", kind="blind", target="number", outcome="completed")
    wait_until(lambda: done() == 1, "the number has answered")
    check(engine.agents()["1001"]["state"] == "ready", "the agent is free")
    row = engine.json("/v1/calls")["calls"][0]
    check(row["state"] == "talking" and "agent" not in row, f"{row}")
    client(bench, engine, "call", "hangup", call)
    engine.settle()
    check(caller.quit()["failed"] == 0, "the caller was hung up on by BYE")


def a_phone_refers_its_caller_to_a_queue(bench):
    """REFER from the agent's phone: NOTIFY tells 100 and 200, the agent is free, the other queue's agent has the caller."""
    phone, other = bench.sipp("agent_refers", d=300, m=1), bench.sipp("agent", d=0)
    sales = '[queues.sales]\nnumbers = ["801"]\nskills = ["sales"]\nwrap_up = "0s"\n'
    others = agent("1002", '["sales"]').replace("phones", "others")
    peers = phones("phones", phone.port) + phones("others", other.port)
    engine = bench.engine(CALLERS + peers + QUEUE.replace("wrap_up", 'skills = ["main"]\nwrap_up') + sales
                          + agent("1001", '["main"]') + others)
    caller = bench.sipp("caller_stays", engine.sip, s="800", m=1)
    wait_until(lambda: talking(engine) == {"1002": "800"}, "1002 has the caller")
    check(engine.agents()["1001"]["state"] == "ready", "1001 is free")
    check(engine.metric("acd_transfers_total", kind="blind", target="queue", outcome="completed") == 1, "one transfer")
    check(phone.wait(10)["failed"] == 0, "the phone heard 100, BYE and 200")
    client(bench, engine, "call", "hangup", engine.json("/v1/calls")["calls"][0]["id"])
    engine.settle()
    check(caller.quit()["failed"] == 0, "the caller was hung up on by BYE")


def a_pbx_tells_that_it_has_handed_the_caller_on(bench):
    """re-INVITE with another P-Asserted-Identity on the agent's leg: the agent is free, the call goes on."""
    phone = bench.sipp("agent_connects", d=300, m=1)
    engine = bench.engine(CALLERS + phones("phones", phone.port) + QUEUE + agent("1001", "[]"))
    caller = bench.sipp("caller_stays", engine.sip, s="800", m=1)
    done = lambda: engine.metric("acd_transfers_total", kind="blind", target="number", outcome="completed")
    wait_until(lambda: done() == 1, "the transfer is seen")
    check(engine.agents()["1001"]["state"] == "ready", "the agent is free")
    row = engine.json("/v1/calls")["calls"][0]
    check(row["state"] == "talking" and "agent" not in row, f"{row}")
    client(bench, engine, "call", "hangup", row["id"])
    engine.settle()
    check(caller.quit()["failed"] == 0 and phone.wait(10)["failed"] == 0, "both were hung up on by BYE")


def the_phone_is_told_who_calls_and_for_what(bench):
    """The phone's INVITE as SIPp has logged it: prefix, ring tone, the listed header fields alone; and the call's ladder."""
    phone = bench.sipp("agent", d=0, trace_msg=True, message_file="messages.log")
    callers = CALLERS.replace("[peers.callers]", '[peers.callers]\ncarry_headers = ["X-PBX-*"]')
    check("carry_headers" in callers, "the callers' peer has its list")
    told = 'caller_prefix = "{queue} {wait}s "\nalert_info = "<http://pbx/main.wav>"\n'
    engine = bench.engine(callers + phones("phones", phone.port) + QUEUE + told + agent("1001", "[]"))
    lines = "Max-Forwards: 70\n      X-PBX-Id: 7\n      X-Other: 8\n      P-Asserted-Identity: \"Bo\" <tel:+4940123456>"
    caller = bench.sipp("caller_stays", engine.sip, replace=("Max-Forwards: 70", lines), s="800", m=1)
    wait_until(lambda: talking(engine) == {"1001": "800"}, "1001 talks")
    invite = (phone.folder / "messages.log").read_text().split("INVITE sip:1001", 1)[1]
    for line in ('From: "main 0s Bo" <sip:+4940123456@', "X-PBX-Id: 7", "Alert-Info: <http://pbx/main.wav>", "X-Strowger-Queue: main"):
        check(line in invite, f"{line} in {invite}")
    check("X-Other" not in invite, "not listed")
    call = engine.json("/v1/calls")["calls"][0]["id"]
    client(bench, engine, "call", "hangup", call)
    engine.settle()
    check(caller.quit()["failed"] == 0, "the caller was hung up on by BYE")
    ladder = client(bench, engine, "call", "ladder", call)
    check("agent 1001" in ladder and "INVITE sip:***@" in ladder and "1001@" not in ladder, ladder)
    check("INVITE sip:1001@" in client(bench, engine, "call", "ladder", call, "--numbers"), "numbers on request")
    check("ladder" in engine.log_text(), "the audit log says who asked")
    client(bench, engine, "call", "ladder", "c99", code=1)


def what_a_phone_says_reaches_its_caller_and_back(bench):
    """The listed header fields of the phone's 200 in the caller's, and of either side's BYE in the other's, as SIPp has logged them."""
    lines = lambda case: f"\n      X-PBX-Case: {case}\n      X-Other: 8\n      Subject: s"
    answer, contact = "SIP/2.0 200 OK", "Contact: <sip:agent@[local_ip]:[local_port]>\n      Content-Type"
    says = [(contact, contact.replace("\n", lines(7) + "\n")), ("CSeq: 1 BYE", "CSeq: 1 BYE" + lines(9))]
    phone = bench.sipp("agent_hangs_up", d=300, replace=says, trace_msg=True, message_file="messages.log")
    callers = CALLERS.replace("[peers.callers]", '[peers.callers]\ncarry_headers = ["X-PBX-*"]')
    early = QUEUE + 'answer = "early"\n'
    engine = bench.engine(callers + phones("phones", phone.port) + early + agent("1001", "[]"))
    caller = bench.sipp("caller_stays", engine.sip, s="800", m=1, trace_msg=True, message_file="messages.log")
    check(caller.wait(10)["failed"] == 0, "the caller was hung up on by BYE")
    engine.settle()
    heard = (caller.folder / "messages.log").read_text()
    for begin, case in ((answer, 7), ("BYE sip:", 9)):
        message = heard.split("message received", 1)[1].split(begin, 1)[1].split("-----", 1)[0]
        check(f"X-PBX-Case: {case}" in message, f"{case} in {message}")
    check("X-Other" not in heard and "Subject" not in heard, "not listed, or about an INVITE alone")
    phone.kill()
    phone = bench.sipp("agent", d=0, port=phone.port, trace_msg=True, message_file="messages.log")
    says = [("CSeq: 2 BYE", "CSeq: 2 BYE" + lines(5))]
    caller = bench.sipp("caller", engine.sip, replace=says, s="800", m=1, d=300)
    check(caller.wait(20)["failed"] == 0, "the caller has hung up")
    engine.settle()
    bye = (phone.folder / "messages.log").read_text().split("\nBYE sip:", 1)[1].split("-----", 1)[0]
    check("X-PBX-Case: 5" in bye and "X-Other" not in bye, bye)


BESIDE = []
CASES = [
    a_consultation_is_completed_and_another_taken_back,
    a_caller_is_handed_to_a_number_outside,
    a_phone_refers_its_caller_to_a_queue,
    a_pbx_tells_that_it_has_handed_the_caller_on,
    the_phone_is_told_who_calls_and_for_what,
    what_a_phone_says_reaches_its_caller_and_back,
]
