"""Cases about phones that register at the engine, with SIPp's own digest."""

from cases_calls import CALLERS
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


BESIDE = []
CASES = [a_phone_registers_by_digest_and_is_called]
