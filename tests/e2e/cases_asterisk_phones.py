"""What agents do with their phones beside a real Asterisk: codes, hold, and each kind of transfer, by the PBX itself, by REFER that
reaches Strowger, by keys and by the control plane."""

import time

from asterisk import PBX, PHONES, TRUNK, beside_asterisk, beside_asterisk_that
from harness import check, wait_until
from heard import listen, loudness, share_of_tone
from phone import Phone


def talking(site, phones, number="800"):
    """A caller from outside is with the first of these phones' agents."""
    site.only([phones[0].name])
    caller = site.caller("caller_stays", number, m=1)
    call = phones[0].talk()
    wait_until(lambda: site.state(phones[0].name) == "talking", "the agent talks")
    return caller, call


def row(site):
    """The only call of Strowger."""
    return site.engine.json("/v1/calls")["calls"][0]


def do(site, **what):
    """The control plane is asked something about the only call."""
    status, text = site.engine.request(f"/v1/calls/{row(site)['id']}", what)
    check(status == 200, text)


def set_ready(site, *names):
    """These agents are ready."""
    for name in names:
        status, text = site.engine.request(f"/v1/agents/{name}/state", {"state": "ready"})
        check(status == 200, text)


def transfers(site, **labels):
    """Transfers that have ended so."""
    return site.engine.metric("acd_transfers_total", **labels)


def end(site, caller):
    """Strowger hangs up; nothing is left."""
    do(site, action="hangup")
    site.rest(20)
    check(caller.quit()["failed"] == 0, f"{caller.errors()}")


@beside_asterisk
def asterisk_agents_dial_codes_and_hold(site):
    """Logout, login, not ready with a reason, ready, and the end of wrap-up by codes that the phone dials through Asterisk, which says
    whose phone it is; each is confirmed by tones. A talk is held and resumed, and the time counts."""
    phone = site.phone("1001")
    reasons = []
    for code, state in [("*46", "logged_out"), ("*45", "ready"), ("*48", "not_ready"), ("*482", "not_ready"), ("*47", "ready")]:
        call = site.dial(phone, code)
        tones = listen([call], 0.6)[0]
        check(loudness(tones) > 100, f"{code}: {len(tones)} samples, loudness {loudness(tones):.0f}")
        wait_until(lambda: site.state("1001").split()[0] == state, f"{code}: {state}")
        wait_until(lambda: call.has_ended, "Strowger ends the call")
        wait_until(lambda: site.state("1001").split()[0] == state, f"{code}: {state} when its phone is free again")
        who = site.engine.agents()["1001"].get("by")
        check(who == f"1001 by phone ({code})", f"{code}: set by {who}")
        reasons += [site.state("1001")] if state == "not_ready" else []
    check(len(set(reasons)) == 2 and all(" " in text for text in reasons), f"each code has its reason: {reasons}")
    caller, call = talking(site, [phone])
    call.change("sendonly")
    wait_until(lambda: site.state("1001") == "hold", "the hold is seen")
    time.sleep(1.2)
    call.change("sendrecv")
    wait_until(lambda: site.state("1001") == "talking", "it is over")
    held = site.engine.metric("acd_agent_state_seconds_total", state="hold")
    check(1 <= held < 6, f"held for {held:g} s")
    end(site, caller)


@beside_asterisk_that('wrap_up = "3s"', 'wrap_up = "10m"', "strowger.toml")
def asterisk_agents_end_their_wrap_up(site):
    """By a code; before that it does not end."""
    phone = site.phone("1001")
    caller, _ = talking(site, [phone])
    do(site, action="hangup")
    site.wait_for_state("1001", "wrap_up")
    check(caller.quit()["failed"] == 0, f"{caller.errors()}")
    wait_until(lambda: site.pbx.channels() == 0, "the phone is free")
    check(site.state("1001") == "wrap_up", site.state("1001"))
    call = site.dial(phone, "*49")
    site.wait_for_state("1001", "ready")
    wait_until(lambda: call.has_ended, "Strowger ends the call")
    site.rest()


@beside_asterisk
def asterisk_holds_and_resumes_from_either_side(site):
    """Each hears the other's tone; the agent holds, and then the caller: who is held hears music and nothing of the other, and the
    tone again afterwards."""
    agent = site.phone("1001")
    site.only(["1001"])
    caller = Phone("4711", TRUNK)
    site.open_phones.append(caller)
    theirs = caller.dial("800", PBX)
    mine = agent.talk()
    wait_until(lambda: site.state("1001") == "talking", "they talk")

    def hear(senders):
        """What the agent and the caller hear of each other, without what was on its way: the share of the tone, and how loud."""
        listen([mine, theirs], 0.6, senders)
        return [(round(share_of_tone(heard), 2), round(loudness(heard))) for heard in listen([mine, theirs], 1.2, senders)]

    def both_hear():
        heard = hear([mine, theirs])
        check(all(share > 0.9 and loud > 100 for share, loud in heard), f"agent and caller hear, tone and loudness: {heard}")

    both_hear()
    for turn, (who, sender, held) in enumerate(((mine, theirs, 1), (theirs, mine, 0)), 1):
        who.change("sendonly")
        wait_until(lambda: site.state("1001") == "hold", "the hold is seen")
        heard = hear([sender])
        share, loud = heard[held]
        check(share < 0.1 and loud > 100, f"turn {turn}: who is held hears music alone: {heard}")
        who.change("sendrecv")
        wait_until(lambda: site.state("1001") == "talking", "it is over")
        both_hear()
        seconds = site.engine.metric("acd_agent_state_seconds_total", state="hold")
        check(1.8 * turn <= seconds < 6 * turn, f"turn {turn}: held for {seconds:g} s")
    theirs.hang_up()
    site.settle()


def by_the_pbx(site, is_told):
    """A phone has Asterisk hand its caller on, blindly and after a word; Strowger `is_told` on the call, or by the phone's state
    alone."""
    first, second = site.phone("1001"), site.phone("1002")
    free = lambda: site.state("1001") in ("wrap_up", "ready", "logged_out")
    for turn, kind in enumerate(("blind", "attended"), 1):
        caller, call = talking(site, [first])
        if kind == "blind":
            time.sleep(0.5)
            call.refer("sip:1002@127.0.0.1")
        else:
            call.change("sendonly")
            word = site.dial(first, "1002")
            call.refer("sip:1002@127.0.0.1", replaces=word)
        other = second.talk()
        if is_told:
            wait_until(lambda: transfers(site, outcome="completed") == turn, f"{kind}: the transfer is seen")
            wait_until(free, f"{kind}: the agent is free")
            check("agent" not in row(site), f"{row(site)}")
        # Whoever has transferred blindly hangs up itself once it hears that it has gone well.
        wait_until(lambda: call.news[-1:] == [200], f"{kind}: NOTIFY told it")
        check(site.engine.live_calls() == 1, "the caller talks on")
        for own in first.live():
            own.hang_up()
        if not is_told:
            # The phone is idle, and its leg lives: a second later that is a transfer.
            wait_until(lambda: transfers(site, outcome="completed") == turn, f"{kind}: the transfer is seen")
            wait_until(free, f"{kind}: the agent is free")
        told = row(site)
        check((told["state"], "agent" in told) == ("talking", False), f"{kind}: {told}")
        check(not other.has_ended, f"{kind}: with the other phone")
        end(site, caller)
        set_ready(site, "1001")
    check(site.engine.queue("support")["answered"] == 2, f"{site.engine.queue('support')}")


@beside_asterisk
def asterisk_transfers_by_itself(site):
    """With `send_connected_line` Strowger is told: the agent is free at once, the call goes on as transferred."""
    by_the_pbx(site, is_told=True)


@beside_asterisk_that("send_connected_line = yes", "send_connected_line = no", "pjsip_strowger.conf")
def asterisk_transfers_in_silence(site):
    """Without it nothing is said on the call: that the agent's phone is idle while its leg lives tells it."""
    by_the_pbx(site, is_told=False)


@beside_asterisk
def asterisk_callers_are_handed_on_by_strowger(site):
    """By keys and by the control plane: to an agent after a word, and back; to a queue; to a number outside by Asterisk."""
    phones = [site.phone(name) for name in ("1001", "1002", "1006")]
    outside = Phone("4420", TRUNK, port=5062)
    site.open_phones.append(outside)
    caller, call = talking(site, phones)
    set_ready(site, "1002")
    call.press("*21002#")
    wait_until(lambda: row(site).get("transfer", "").endswith("to agent 1002: talks"), "a word with 1002")
    check(site.state("1001") == "consult", site.state("1001"))
    call.press("*1")
    wait_until(lambda: site.state("1001") == "talking" and site.state("1002") in ("wrap_up", "ready"), "back")
    check(transfers(site, kind="consult", outcome="cancelled") == 1, "one is cancelled")
    wait_until(lambda: site.state("1002") == "ready", "1002 is ready again")
    do(site, action="consult", to="agent:1002")
    wait_until(lambda: row(site)["transfer"].endswith("talks"), "a word again")
    do(site, action="complete")
    wait_until(lambda: row(site).get("agent") == "1002" and site.state("1001") != "consult", "1002 has the caller")
    set_ready(site, "1006")
    do(site, action="transfer", to="queue:sales")
    wait_until(lambda: row(site).get("agent") == "1006" and site.state("1006") == "talking", "1006 has the caller")
    phones[2].talk().press("*34420#")
    outside.talk()
    wait_until(lambda: transfers(site, kind="blind", target="number", outcome="completed") == 1, "the number has the caller")
    check("agent" not in row(site), f"{row(site)}")
    check(site.engine.queue("sales")["answered"] == 1, "a visit of its own")
    end(site, caller)


def direct(site):
    """Agent 1001 is at a phone that speaks with Strowger itself, and has a line at Asterisk too."""
    phone = Phone("1001", PHONES)
    site.open_phones.append(phone)
    site.register("1001", phone.port)
    site.engine.kill()
    text = site.strowger.read_text()
    old = '[agents."1001-1005"]\npeer = "pbx"\n'
    check(old in text, "the agents of support")
    own = f'[agents.1001]\nuri = "sip:1001@{PHONES}:{phone.port}"\npeer = "phone"\nskills = ["support"]\n\n'
    own += f'[peers.phone]\naddress = "{PHONES}:{phone.port}"\n\n[agents."1002-1005"]\npeer = "pbx"\n'
    site.strowger = site.folder / "direct.toml"
    site.strowger.write_text(text.replace(old, own))
    site.start_engine()
    return phone


@beside_asterisk
def asterisk_takes_replaces_from_strowger(site):
    """A phone's REFER reaches Strowger: blind, to a queue; and attended, in place of the phone's own dialog with Asterisk, which
    takes Strowger's INVITE with Replaces and joins the caller with its phone."""
    first, second = direct(site), site.phone("1002")
    site.phone("1006")
    caller, call = talking(site, [first])
    set_ready(site, "1006")
    call.refer("sip:801@anywhere")
    wait_until(lambda: row(site).get("agent") == "1006", "1006 has the caller")
    wait_until(lambda: call.news[-1:] == [200], "NOTIFY told it")
    end(site, caller)
    set_ready(site, "1001")
    caller, call = talking(site, [first])
    call.change("sendonly")
    word = site.dial(first, "1002")
    other = second.talk()
    call.refer(f"sip:1002@{PBX[0]}", replaces=word)
    wait_until(lambda: call.news[-1:] == [200], f"NOTIFY told it")
    wait_until(lambda: word.has_ended and call.has_ended, "the phone is out of both")
    check(transfers(site, kind="consult", target="number", outcome="completed") == 1, "one is completed")
    wait_until(lambda: site.state("1001") in ("wrap_up", "ready"), "the agent is free")
    check(site.engine.live_calls() == 1 and not other.has_ended, "the caller is with 1002")
    check("agent" not in row(site), f"{row(site)}")
    end(site, caller)


@beside_asterisk
def asterisk_callers_are_handed_to_each_target(site):
    """Blindly to an agent, by keys and by the control plane; to a queue by keys, and after a word; and by the phone's REFER to
    Strowger to an agent and to a number outside by Asterisk."""
    first = direct(site)
    others = {name: site.phone(name) for name in ("1002", "1003", "1006")}
    outside = Phone("4420", TRUNK, port=5062)
    site.open_phones.append(outside)
    caller, call = talking(site, [first])
    has = lambda name: lambda: row(site).get("agent") == name and site.state(name) == "talking"
    set_ready(site, "1002", "1003", "1006")
    call.press("*31002#")
    wait_until(has("1002"), "1002 has the caller, by keys")
    do(site, action="transfer", to="agent:1003")
    wait_until(has("1003"), "1003 has the caller, by a click")
    check(transfers(site, kind="blind", target="agent", outcome="completed") == 2, "both are counted")
    others["1003"].talk().press("*3801#")
    wait_until(has("1006"), "1006 of the queue has the caller")
    site.everybody_is_ready(excused=["1006"])
    do(site, action="consult", to="queue:support")
    wait_until(lambda: row(site).get("transfer", "").endswith("talks"), "a word with somebody of the queue")
    do(site, action="complete")
    wait_until(lambda: row(site).get("agent") in ("1001", "1002", "1003"), "who has the caller")
    check(transfers(site, kind="blind", target="queue", outcome="completed") == 1, "one blindly to a queue")
    check(transfers(site, kind="consult", target="queue", outcome="completed") == 1, "one after a word")
    end(site, caller)
    for target, agent in (("1002", "1002"), ("4420", None)):
        site.everybody_is_ready()
        caller, call = talking(site, [first])
        set_ready(site, "1002")
        call.refer(f"sip:{target}@anywhere")
        wait_until(lambda: call.news[-1:] == [200], f"NOTIFY told it: {target}")
        wait_until(lambda: row(site).get("agent") == agent and call.has_ended, f"{target} has the caller")
        end(site, caller)
    check(len(outside.calls) == 1, "the number outside was called")


BESIDE = []
CASES = [
    asterisk_agents_dial_codes_and_hold,
    asterisk_agents_end_their_wrap_up,
    asterisk_holds_and_resumes_from_either_side,
    asterisk_transfers_by_itself,
    asterisk_transfers_in_silence,
    asterisk_callers_are_handed_on_by_strowger,
    asterisk_callers_are_handed_to_each_target,
    asterisk_takes_replaces_from_strowger,
]
