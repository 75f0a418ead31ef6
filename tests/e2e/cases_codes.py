"""Cases about codes that agents dial on their own phones."""

from cases_calls import CALLERS, phones
from cases_routing import agent
from harness import check, wait_until

CODES = """
[feature_codes]
peers = ["callers"]
login = "*45"
logout = "*46"
not_ready = "*48"
reasons = ["lunch", "meeting"]
"""
QUEUE = '[queues.main]\nnumbers = ["800"]\n'


def an_agent_logs_in_and_out_from_its_phone(bench):
    """Each code is answered, told by tones and ended by the engine; nobody else's phone may."""
    engine = bench.engine(CALLERS + phones("phones", 9) + CODES + QUEUE + agent("1001", "[]", 'initial = "logged-out"'))
    asserted = ("Max-Forwards: 70", "Max-Forwards: 70\n      P-Asserted-Identity: <sip:1001@[local_ip]>")

    def dial(code, **options):
        phone = bench.sipp("caller_stays", engine.sip, s=code, m=1, **options)
        return phone.wait(15)

    for code, state, reason in [("*45", "ready", None), ("*482", "not_ready", "meeting"), ("*46", "logged_out", None)]:
        counts = dial(code, replace=asserted)
        check(counts["failed"] == 0, f"{code}: {counts}")
        row = engine.agents()["1001"]
        check((row["state"], row.get("reason")) == (state, reason), f"{code}: {row}")
        check(row["by"] == f"1001 by phone ({code})", f"{code}: {row}")
    check(dial("*45")["failed"] == 1, "a phone that nobody asserts")
    check(engine.agents()["1001"]["state"] == "logged_out", "is refused")
    wait_until(lambda: engine.live_calls() == 0, "no call is left")
    engine.settle()


BESIDE = []
CASES = [an_agent_logs_in_and_out_from_its_phone]
