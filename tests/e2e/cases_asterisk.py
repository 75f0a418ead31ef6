"""Cases beside a real Asterisk, with `configs/asterisk` as it stands: caller (SIPp) -> Asterisk -> Strowger -> Asterisk -> agent's
phone (SIPp). Judged by Strowger's figures, by its control plane, and by Asterisk's own call records.

Queue support (800) answers at once with music, queue sales (801) rings until an agent answers. Each case has an Asterisk, a
Strowger and a network of its own."""

from asterisk import beside_asterisk
from cases_calls import expect_all_ok
from harness import check, wait_until

SUPPORT = ["1001", "1002", "1003", "1004", "1005"]
SALES = ["1006", "1007", "1008", "1009", "1010"]
PEOPLE = SUPPORT + SALES


@beside_asterisk
def asterisk_calls_go_through(site):
    """Plain calls by both answer policies reach the agents' phones, which have registered by digest."""
    phones = site.phones(PEOPLE, d=200)
    callers = [site.caller("caller", number, d=1000, m=8, r=1) for number in ("800", "801")]
    for caller in callers:
        expect_all_ok(caller, caller.wait(40), 8)
    site.settle()
    for name in ("support", "sales"):
        figures = site.engine.queue(name)
        check(figures["answered"] == figures["offered"] == 8, f"{figures}")
    expect_all_ok(phones, phones.quit(), 16)


@beside_asterisk
def asterisk_callers_give_up(site):
    """While a phone rings, and while nobody is there: each is an abandoned call with its cause, and no agent is to blame."""
    phones = site.phones(PEOPLE, "agent_never_answers")
    ringing = site.caller("caller_cancels", "801", d=700, m=4, r=2)
    music = site.caller("caller", "800", d=1200, m=4, r=2)
    for caller in (ringing, music):
        expect_all_ok(caller, caller.wait(30), 4)
    site.rest()
    canceled = site.engine.metric("acd_offers_total", result="canceled")
    check(canceled == 8, f"{canceled:g} offers were cancelled")
    expect_all_ok(phones, phones.quit(), 8)
    site.only([])
    queued = [site.caller("caller_cancels", "801", d=700, m=3, r=2), site.caller("caller", "800", d=700, m=3, r=2)]
    for caller in queued:
        expect_all_ok(caller, caller.wait(30), 3)
    site.settle()
    for name in ("support", "sales"):
        figures = site.engine.queue(name)
        check(figures["abandoned"] == figures["offered"] == 7, f"{figures}")


@beside_asterisk
def asterisk_agent_does_not_answer(site):
    """The caller goes on to the next after the ring time; the first is not ready for that reason."""
    deaf = site.phones(["1006"], "agent_never_answers")
    site.only(["1006"])
    caller = site.caller("caller", "801", d=500, m=1)
    wait_until(lambda: site.state("1006") == "ringing", "1006 rings")
    good = site.phones(["1007"], d=0)
    status, text = site.engine.request("/v1/agents/1007/state", {"state": "ready"})
    check(status == 200, text)
    expect_all_ok(caller, caller.wait(40), 1)
    check(site.state("1006") == "not_ready no-answer", site.state("1006"))
    site.settle(excused=["1006"])
    check(site.engine.metric("acd_offers_total", result="timed_out") == 1, "one offer timed out")
    expect_all_ok(deaf, deaf.quit(), 1)
    expect_all_ok(good, good.quit(), 1)


BESIDE = [asterisk_agent_does_not_answer]
CASES = [asterisk_calls_go_through, asterisk_callers_give_up]
