"""Cases beside a real Asterisk, with `configs/asterisk` as it stands: caller (SIPp) -> Asterisk -> Strowger -> Asterisk -> agent's
phone (SIPp). Judged by Strowger's figures, by its control plane, and by Asterisk's own call records.

Queue support (800) answers at once with music, queue sales (801) rings until an agent answers. Each case has an Asterisk, a
Strowger and a network of its own."""

import signal
import time

from asterisk import PBX, PHONES, TRUNK, beside_asterisk, beside_asterisk_by_tls, beside_asterisk_encrypted, beside_asterisk_with
from cases_calls import expect_all_ok
from harness import check, wait_until
from heard import Ears, loudness, share_of_tone
from wire import name_of, unanswered, watch, wire

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
def asterisk_carries_audio(site):
    """A caller who sends a tone hears music alone while waiting, and nothing but the tone from an agent's phone that echoes."""
    carries_audio(site)


@beside_asterisk_encrypted
def asterisk_carries_encrypted_audio(site):
    """The same with SRTP between Asterisk and Strowger, on the way there and back: Asterisk takes no other audio, and no packet is
    dropped."""
    carries_audio(site)
    dropped = site.engine.metric("acd_srtp_dropped_total")
    check(dropped == 0, f"{dropped} packets were not authentic")
    check("crypto" not in site.engine.log_text() and "inline:" not in site.engine.log_text(), "no key in the log")


def carries_audio(site):
    """What a caller hears, judged by content."""
    site.phones(["1001"], d=0, rtp_echo=True, mp=6000, mi=PHONES)
    site.only([])
    caller = Ears(TRUNK, PBX, "800")
    caller.listen(0.5)
    music = caller.listen(1.5)
    check(len(music) > 8_000 and loudness(music) > 100, f"music: {len(music)} samples, loudness {loudness(music):.0f}")
    check(share_of_tone(music) < 0.1, f"the caller hears itself in the music: {share_of_tone(music):.2f}")
    status, text = site.engine.request("/v1/agents/1001/state", {"state": "ready"})
    check(status == 200, text)
    wait_until(lambda: site.state("1001") == "talking", "1001 talks")
    caller.listen(0.5)
    echo = caller.listen(1.5)
    check(len(echo) > 8_000 and share_of_tone(echo) > 0.9, f"echo: {len(echo)} samples, tone {share_of_tone(echo):.2f}")
    caller.hang_up()
    site.settle()


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
def asterisk_agents_are_busy(site):
    """One refuses with 486, another is on a call outside the queue, of which the PBX tells: he is not even asked. The third
    answers."""
    refusing = site.phones(["1001"], "agent_refuses")
    outside = site.phones(["1002"], d=0)
    good = site.phones(["1003"], d=0)
    site.only(["1001", "1002", "1003"])
    site.dial_out("1002")
    site.wait_for_state("1002", "other_call")
    caller = site.caller("caller", "800", d=1500, m=1)
    expect_all_ok(caller, caller.wait(30), 1)
    for _ in range(2):
        caller = site.caller("caller", "800", d=6000, m=1)
        expect_all_ok(caller, caller.wait(30), 1)
    check(site.engine.queue("support")["answered"] == 3, f"{site.engine.queue('support')}")
    rejected = site.engine.metric("acd_offers_total", result="rejected")
    check(1 <= rejected == refusing.counts()["total"], f"{rejected:g} offers were rejected, {refusing.counts()}")
    check(outside.counts()["total"] == 1, f"the one who talks outside was rung: {outside.counts()}")
    site.pbx.command("channel request hangup all")
    site.settle()
    expect_all_ok(good, good.quit(), 3)


@beside_asterisk
def asterisk_tells_what_phones_do(site):
    """An agent on a call outside the queue is not rung, and is rung when it is over; also after Asterisk has died and started
    anew: then Strowger has subscribed again."""
    phones = site.phones(["1002"], d=0)
    site.only(["1002"])
    rung_after_own_calls(site, phones)


@beside_asterisk_with({})
def asterisk_tells_by_presence(site):
    """The same by presence, which Strowger asks for after a reload: first by Asterisk's notes alone, then with activities, too. A
    phone that is not registered is not even tried, and rung as soon as it is."""
    site.only(["1002"])
    site.reload('device_state = "dialog-info"', 'device_state = "presence"')
    gone = lambda: site.engine.agents()["1002"].get("unreachable") == "the device is offline"
    wait_until(gone, f"no phone has registered: {site.engine.agents()['1002']}")
    phones = site.phones(["1002"], d=0)
    site.wait_for_state("1002", "ready")

    def with_activities():
        site.pbx.command("module load res_pjsip_pidf_eyebeam_body_supplement.so")
        site.pbx.command("pjsip set logger on")

    rung_after_own_calls(site, phones, with_activities)
    check("<rpid:on-the-phone" in site.pbx.console(), "Asterisk writes activities")
    site.register("1002", phones.port, expires=0)
    wait_until(gone, f"its registration is taken back: {site.engine.agents()['1002']}")
    caller = site.caller("caller", "800", d=5000, m=1)
    wait_until(lambda: site.engine.queue("support")["longest_wait_seconds"] > 1, "one waits")
    site.register("1002", phones.port)
    expect_all_ok(caller, caller.wait(30), 1)
    site.rest()
    failed = site.engine.metric("acd_offers_total", result="failed")
    check(failed == 0, f"{failed:g} offers went to a phone that is not there")


def rung_after_own_calls(site, phones, when_back=lambda: None):
    """Before and after a death of Asterisk: 1002 is rung when a call outside the queue is over, and no sooner."""
    offers = lambda: sum(site.engine.metric("acd_offers_total", result=word) for word in ("accepted", "rejected", "failed"))
    for turn in (1, 2):
        told = lambda: {agent.get("device_source") for agent in site.engine.agents().values()}
        wait_until(lambda: told() == {"told"}, f"Asterisk tells of every phone: {told()}", 15)
        site.dial_out("1002")
        site.wait_for_state("1002", "other_call")
        caller = site.caller("caller", "800", d=5000, m=1)
        wait_until(lambda: site.engine.queue("support")["longest_wait_seconds"] > 1, "one waits")
        check(offers() == turn - 1, "the agent on another call was rung")
        site.hang_up_phone("1002")
        expect_all_ok(caller, caller.wait(30), 1)
        check(offers() == turn, "the agent was rung")
        site.rest()
        if turn == 1:
            site.pbx.kill()
            wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 0, "it is noticed", 40)
            site.pbx.start()
            site.register("1002", phones.port)
            wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 1, "it is noticed to be back", 10)
            when_back()


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


@beside_asterisk_by_tls
def asterisk_calls_by_tls(site):
    """TLS between Asterisk and Strowger, each with a certificate that the other asks for: calls go through, a caller hangs up
    while he waits, and Asterisk's records are Strowger's counts."""
    check("transport-tls" in site.pbx.command("pjsip show transports"), "Asterisk speaks TLS")
    phones = site.phones(["1001", "1006"], d=0)
    site.only(["1001", "1006"])
    # A caller who waits with music hangs up whether or not an agent has wrapped up: one is enough.
    for number, calls in (("800", 1), ("801", 3)):
        caller = site.caller("caller", number, d=1500, m=calls)
        expect_all_ok(caller, caller.wait(40), calls)
    site.only([])
    gives_up = site.caller("caller_cancels", "801", d=500, m=2)
    check(gives_up.wait(30)["failed"] == 0, gives_up.errors())
    expect_all_ok(phones, phones.quit(), 4)
    for way in ("in", "out"):
        counts = [site.engine.metric("acd_tls_handshakes_total", direction=way, result=result) for result in ("done", "failed")]
        check(counts[0] >= 1 and counts[1] == 0, f"{way}: {counts}")
    site.settle()


@beside_asterisk
def asterisk_falls_back_while_strowger_is_down(site):
    """Strowger is killed: who waited with music goes to Asterisk's own queue when the music has been gone for a while, new callers
    at once; back again, it takes calls at once."""
    site.only([])
    waiting = site.caller("caller_stays", "800", m=1)
    wait_until(lambda: site.engine.queue("support")["waiting"] == 1, "one waits with music")
    site.engine.kill()
    wait_until(lambda: "Unavail" in site.pbx.command("pjsip show contacts"), "Asterisk has seen it")
    phones = site.phones(["1001", "1002", "1003"], d=0)
    new = site.caller("caller", "801", d=500, m=2, r=2)
    expect_all_ok(new, new.wait(30), 2)
    wait_until(lambda: phones.counts()["total"] == 3, "who waited is with an agent", 60)
    by_itself = [record for record in site.pbx.records() if record.far_channel.startswith("PJSIP/100")]
    check(len(by_itself) == 2 and all(record.disposition == "ANSWERED" for record in by_itself), f"{by_itself}")
    site.pbx.command("channel request hangup all")
    check(waiting.quit()["failed"] == 0, f"{waiting.errors()}")
    site.start_engine()
    again = site.caller("caller", "800", d=500, m=2, r=2)
    expect_all_ok(again, again.wait(30), 2)
    site.rest()
    check(site.engine.queue("support")["answered"] == 2, "both by Strowger")


@beside_asterisk
def asterisk_dies_in_the_middle(site):
    """Asterisk is killed while callers wait, a phone rings and others talk, and starts again: nothing is stuck, the callers are
    counted as lost by the trunk's fault, no agent is not ready for it, and calls go on."""
    site.phones(["1001", "1002"], d=0)
    site.phones(["1006"], "agent_never_answers")
    site.only(["1001", "1002", "1006"])
    callers = [site.caller("caller_stays", "800", m=4, r=10), site.caller("caller_stays", "801", m=2, r=10)]
    wait_until(lambda: site.engine.queue("support")["waiting"] == 2 and site.engine.queue("sales")["waiting"] == 2, "two wait in each")
    wait_until(lambda: [site.state(name) for name in ("1001", "1002", "1006")] == ["talking", "talking", "ringing"], "the scene")
    past_short = lambda: min(site.engine.queue(name)["longest_wait_seconds"] for name in ("support", "sales")) > 6
    wait_until(past_short, "nobody's end will be a short abandon")
    site.pbx.kill()
    wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 0, "it is noticed", 40)
    for caller in callers:
        caller.kill()
    site.pbx.start()
    wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 1, "it is noticed to be back", 10)
    phones = site.phones(["1001", "1002", "1006"], d=0)
    site.rest(60)
    lost = site.engine.metric("acd_contacts_lost_total", cause="trunk_fault")
    check(lost == 4, f"{lost:g} lost by the trunk's fault")
    for number in ("800", "801"):
        caller = site.caller("caller", number, d=500, m=1)
        expect_all_ok(caller, caller.wait(30), 1)
    site.rest()
    expect_all_ok(phones, phones.quit(), 2)


@beside_asterisk
def asterisk_stands_still_for_a_while(site):
    """Asterisk is silent until it counts as down, and goes on as if nothing had been: no caller is lost, ringing or with music,
    though those who ring are asked for when it is back."""
    watch(site)
    site.only([])
    callers = [site.caller("caller_stays", number, m=2, r=10) for number in ("800", "801")]
    waiting = lambda: [site.engine.queue(name)["waiting"] for name in ("support", "sales")]
    wait_until(lambda: waiting() == [2, 2], "two wait in each queue")
    site.pbx.signal(signal.SIGSTOP)
    wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 0, "it is noticed", 40)
    site.pbx.signal(signal.SIGCONT)
    wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 1, "it is noticed to be back", 10)
    phones = site.phones(["1001", "1006"], d=0)
    time.sleep(1)
    asked = [message for message in wire(site) if message.is_ours and name_of(message) == "UPDATE"]
    check(len(asked) == 2 and not unanswered(wire(site)), f"{len(asked)} are asked for; no answer to {unanswered(wire(site))}")
    check(waiting() == [2, 2], f"they wait on: {waiting()}")
    for number, agent in (("800", "1001"), ("801", "1006")):
        status, text = site.engine.request(f"/v1/agents/{agent}/state", {"state": "ready"})
        check(status == 200, text)
        wait_until(lambda: site.state(agent) == "talking", f"{agent} talks")
    site.pbx.command("channel request hangup all")
    for caller in callers:
        caller.kill()


BESIDE = [
    asterisk_falls_back_while_strowger_is_down,
    asterisk_agent_does_not_answer,
    asterisk_dies_in_the_middle,
    asterisk_stands_still_for_a_while,
]
CASES = [
    asterisk_calls_go_through,
    asterisk_carries_audio,
    asterisk_callers_give_up,
    asterisk_agents_are_busy,
    asterisk_tells_what_phones_do,
    asterisk_tells_by_presence,
]
CASES += [asterisk_calls_by_tls, asterisk_carries_encrypted_audio]
