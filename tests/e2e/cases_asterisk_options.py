"""What else an Asterisk's administrator may have set or do: reliable provisional responses, session timers, a trunk over TCP, a phone
that is nobody's, T.38 and fax machines, media and identity options; Asterisk restarted or stopped by its console."""

import re
import struct
import threading
import time

from asterisk import PBX, TRUNK, beside_asterisk, beside_asterisk_with, change
from cases_asterisk_phones import set_ready
from cases_calls import expect_all_ok
from harness import check, wait_until
from heard import listen, loudness, share_of_tone
from phone import Phone
from wire import name_of, unanswered, value, watch, wire

# ---- Talks ----------------------------------------------------------------------------------------------------------------


def a_caller(site, number):
    """One from outside who has ears; rings or waits."""
    caller = Phone("4711", TRUNK)
    site.open_phones.append(caller)
    return caller.dial(number, PBX, waits=False)


def joined(site, phone, number="800"):
    """A caller who is with the agent at this phone, who is ready from now on: the caller's call and the phone's."""
    theirs = a_caller(site, number)
    set_ready(site, phone.name)
    mine = phone.talk()
    wait_until(lambda: theirs.is_up, "the caller is answered")
    site.wait_for_state(phone.name, "talking")
    return theirs, mine


def hear_each_other(calls):
    """Both send a tone, and hear the other's and nothing else."""
    listen(calls, 0.6, calls)
    heard = [(round(share_of_tone(one), 2), len(one)) for one in listen(calls, 1.0, calls)]
    check(all(share > 0.9 and samples > 6_000 for share, samples in heard), f"each hears the other: {heard}")


def part(site, who, other):
    """One hangs up; the other is told, nothing is left."""
    who.hang_up()
    wait_until(lambda: other.has_ended, "the other is told")
    site.rest()


# ---- Reliable provisional responses ---------------------------------------------------------------------------------------

EARLY = """
[queues.early]
numbers = ["802"]
skills = ["support"]
answer = "early"
"""
QUICK = [('wrap_up = "3s"', 'wrap_up = "0s"')] * 2


def acknowledged(site):
    """Provisionals that asked for a PRACK, Asterisk's and Strowger's, and that each has had its PRACK and a 200 for it."""
    asked, had, codes = {True: set(), False: set()}, {True: set(), False: set()}, set()
    for message in wire(site):
        call, number = value(message, "Call-ID"), value(message, "RSeq")
        if number and "100rel" in value(message, "Require"):
            asked[message.is_ours].add((call, number))
        if name_of(message) == "PRACK":
            had[not message.is_ours].add((call, value(message, "RAck").split()[0]))
        elif name_of(message).endswith(" PRACK"):
            codes.add(name_of(message))
    check(asked == had, f"asked for {asked}, had {had}")
    check(codes <= {"200 PRACK"}, f"{codes}")
    return len(asked[True]), len(asked[False])


@beside_asterisk_with({
    "pjsip_strowger.conf": [("direct_media = no", "direct_media = no\n100rel = required")],
    "strowger.toml": [*QUICK, (None, EARLY)],
})
def asterisk_wants_provisionals_acknowledged(site):
    """`100rel`, required and by choice: who rings, who hears music before the answer, and a phone that rings get PRACKs; audio goes
    through, and either side ends the call."""
    watch(site)
    phones = {number: site.phone(name, answers=False) for number, name in (("802", "1001"), ("801", "1006"))}
    phones["800"] = phones["802"]
    site.only([])
    told = (0, 0)

    def a_call(number, ender):
        phone = phones[number]
        theirs = a_caller(site, number)
        if number == "801":
            wait_until(lambda: theirs.codes.get(1, (0,))[0] == 180, "the caller hears that it rings")
        else:
            wait_until(lambda: theirs.media is not None, "the caller is told where audio comes from")
            check(theirs.is_up == (number == "800"), f"{number}: answered: {theirs.is_up}")
            listen([theirs], 0.4)
            music = listen([theirs], 0.6)[0]
            check(loudness(music) > 100, f"music before the answer: {len(music)} samples, {loudness(music):.0f}")
        set_ready(site, phone.name)
        mine = wait_until(lambda: [call for call in phone.calls if not call.has_ended], f"{phone.name} rings")[-1]
        site.wait_for_state(phone.name, "ringing")
        mine.answer()
        wait_until(lambda: theirs.is_up and site.state(phone.name) == "talking", "they talk")
        hear_each_other([theirs, mine])
        part(site, *((theirs, mine) if ender == "caller" else (mine, theirs)))
        site.only([])

    for number, ender in (("802", "caller"), ("801", "agent"), ("800", "caller")):
        a_call(number, ender)
        ours, asterisks = acknowledged(site)
        check(asterisks > told[1], f"{number}: Asterisk's ringing: {asterisks}")
        check(ours > told[0] or number == "800", f"{number}: Strowger's: {ours}")
        told = ours, asterisks
    # Who gives up while the provisional is acknowledged leaves nothing either.
    gone = a_caller(site, "802")
    wait_until(lambda: gone.codes.get(1, (0,))[0] == 183, "it hears music")
    gone.request("CANCEL", number=1, of="INVITE")
    wait_until(lambda: gone.codes.get(1, (0,))[0] == 487, f"it is gone")
    site.rest()
    # 183 with audio for the ringing phone, in place of 180.
    change(site.pbx.configs / "pjsip_strowger.conf", ("100rel = required", "100rel = yes\ninband_progress = yes"))
    site.pbx.command("module reload res_pjsip.so")
    a_call("802", "agent")
    change(site.pbx.configs / "pjsip_strowger.conf", ("100rel = yes", "100rel = peer_supported"))
    site.pbx.command("module reload res_pjsip.so")
    a_call("801", "caller")
    acknowledged(site)
    check(site.engine.metric("acd_calls_answered_total") == 5, "all are answered")


# ---- Session timers -------------------------------------------------------------------------------------------------------

TIMERS = "direct_media = no\ntimers = required\ntimers_min_se = 90\ntimers_sess_expires = 90"


@beside_asterisk_with({
    "pjsip_strowger.conf": [("direct_media = no", TIMERS)],
    "strowger.toml": [*QUICK, ("[sip]\n", '[sip]\nsession_expires = "0s"\nmin_se = "90s"\n'), ('"15s"   ', '"50s"   ')],
})
def asterisk_requires_session_timers(site):
    """The shortest session there is, on both legs, is refreshed half-way by Asterisk, also where a reload asks for longer ones
    meanwhile, and lives on though nobody says a word; each takes the other's 422, and asks again for as long as it wants."""
    watch(site)
    first, second = site.phone("1001"), site.phone("1002")
    site.only([])
    theirs, mine = joined(site, first)
    begun = time.monotonic()
    hear_each_other([theirs, mine])
    legs = {value(message, "Call-ID") for message in wire(site) if name_of(message) == "INVITE"}
    check(len(legs) == 2, f"{legs}")
    for message in wire(site):
        if name_of(message) == "200 INVITE":
            check(value(message, "Session-Expires").startswith("90;"), f"both legs have a timer: {message.text}")

    def a_short_call():
        before = len(wire(site))
        site.engine.request("/v1/agents/1002/state", {"state": "logged-out"})
        calls = joined(site, second)
        hear_each_other(calls)
        calls[0].hang_up()
        wait_until(lambda: calls[1].has_ended, "it is over")
        return [message for message in wire(site)[before:] if value(message, "Call-ID") not in legs]

    def set_timers(old, new):
        texts = [(f"{key} = {old}", f"{key} = {new}") for key in ("timers_min_se", "timers_sess_expires")]
        change(site.pbx.configs / "pjsip_strowger.conf", *texts)
        site.pbx.command("module reload res_pjsip.so")

    # Strowger asks for 90 s, Asterisk wants 120.
    set_timers(90, 120)
    site.reload('session_expires = "0s"', 'session_expires = "90s"')
    seen = a_short_call()
    refused = [message for message in seen if name_of(message) == "422 INVITE"]
    check([(message.is_ours, value(message, "Min-SE")) for message in refused] == [(False, "120")], f"{refused}")
    taken = [value(message, "Session-Expires").split(";")[0] for message in seen if name_of(message) == "200 INVITE"]
    check(taken == ["120", "120"], f"{taken}")
    # Asterisk asks for 120, Strowger wants 200.
    site.reload('session_expires = "90s"\nmin_se = "90s"', 'session_expires = "0s"\nmin_se = "200s"')
    seen = a_short_call()
    refused = [message for message in seen if name_of(message) == "422 INVITE"]
    check([(message.is_ours, value(message, "Min-SE")) for message in refused] == [(True, "200")], f"{refused}")
    # The first call's refreshes are due, by Asterisk.
    own = lambda: [message for message in wire(site) if value(message, "Call-ID") in legs]
    asked = lambda ours: [message for message in own() if message.is_ours == ours and name_of(message) == "UPDATE"]
    both = lambda ours: {value(message, "Call-ID") for message in asked(ours)} == legs
    wait_until(lambda: both(False), "both legs are refreshed", begun + 49 - time.monotonic())
    # Nobody has said a word for long: Strowger asks whether they are still there.
    wait_until(lambda: both(True), "both are asked", begun + 60 - time.monotonic())
    for message in asked(False) + asked(True):
        check(value(message, "Session-Expires").startswith("90;"), message.text)
    time.sleep(1)
    check(not unanswered(own()), f"Asterisk answers all: {unanswered(own())}")
    refused = [name_of(message) for message in own() if re.match(r"[456].. ", name_of(message))]
    check(not refused, f"nothing is refused: {refused}")
    check(not theirs.has_ended and not mine.has_ended, "the call lives on")
    hear_each_other([theirs, mine])
    part(site, mine, theirs)
    check(site.engine.metric("acd_calls_answered_total") == 3, "all are answered")


# ---- TCP ------------------------------------------------------------------------------------------------------------------

TRANSPORT = "[transport-tcp]\ntype = transport\nprotocol = tcp\nbind = 0.0.0.0:5060\n\n[trunk]\n"


@beside_asterisk_with({
    "pjsip.conf": [("[trunk]\n", TRANSPORT)],
    "pjsip_strowger.conf": [
        ("context = from-strowger", "context = from-strowger\ntransport = transport-tcp"),
        ("sip:127.0.0.1:5080", "sip:127.0.0.1:5080\\;transport=tcp"),
    ],
    "strowger.toml": [*QUICK, ("[sip]\n", "[sip]\ntcp = true\n"), ("[peers.pbx]\n", '[peers.pbx]\ntransport = "tcp"\n')],
})
def asterisk_trunk_by_tcp(site):
    """Calls and both sides' BYEs by TCP; when Strowger is killed, and when Asterisk is, the connection is opened anew, and calls go
    again."""
    watch(site)
    phone = site.phone("1001")
    site.only([])

    def wires(begin):
        """What Asterisk and Strowger have spoken by, in what the console has written from there on."""
        return set(re.findall(r"(\w+):127\.0\.0\.1:\d+ --->", site.pbx.console()[begin:]))

    def calls_go():
        for ender in (0, 1):
            calls = joined(site, phone)
            hear_each_other(calls)
            part(site, calls[ender], calls[1 - ender])

    calls_go()
    theirs, mine = joined(site, phone)
    site.engine.kill()
    wait_until(lambda: "Unavail" in site.pbx.command("pjsip show contacts"), "Asterisk has seen it")
    site.pbx.command("channel request hangup all")
    wait_until(lambda: theirs.has_ended and mine.has_ended, "Asterisk ends both")
    site.start_engine()
    site.only([])
    calls_go()
    check(site.engine.queue("support")["answered"] == 2, f"{site.engine.queue('support')}")
    theirs, mine = joined(site, phone)
    site.pbx.kill()
    wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 0, "it is noticed", 40)
    theirs.has_ended = mine.has_ended = True
    before = wires(0)
    site.pbx.start()
    # Asterisk forgets that it is to write messages down.
    watch(site)
    written = len(site.pbx.console())
    site.register("1001", phone.port)
    wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 1, "it is back", 10)
    site.rest(40)
    calls_go()
    check((before, wires(written)) == ({"TCP"}, {"TCP"}), f"nothing but TCP: {before}, then {wires(written)}")


# ---- A phone that is nobody's ---------------------------------------------------------------------------------------------

SHARED = """
[2000](phone)
inbound_auth/username = 2000
inbound_auth/password = change-me-2000
endpoint/callerid = <2000>
"""
PINS = '[feature_codes]\npins = { 1001 = "4711", 1002 = "0815" }\n'


@beside_asterisk_with({
    "pjsip_wizard.conf": [(None, SHARED)],
    "strowger.toml": [("[feature_codes] ", PINS + "#")],
})
def asterisk_agents_key_in_their_pins(site):
    """At a phone that is no agent's: number and PIN by telephone events, and by SIP INFO; a wrong PIN may be tried three times, and
    changes nothing."""
    phone = site.phone("2000")
    site.only(["1001"])

    def code(number, *typed):
        """Dials a code; keys in each text after a tone. How loud each tone was."""
        call = site.dial(phone, number)
        tones = [loudness(listen([call], 1.0)[0])]
        for keys in typed:
            call.press(keys)
            tones.append(loudness(listen([call], 1.0)[0]))
        wait_until(lambda: call.has_ended, "Strowger ends the call", 15)
        check(min(tones) > 50, f"a tone each time: {tones}")

    code("*46", "1001#4711#")
    site.wait_for_state("1001", "logged_out")
    check(site.engine.agents()["1001"]["by"] == "1001 by phone (*46)", f"{site.engine.agents()['1001']}")
    # Begun anew, and one wrong PIN before the right one.
    code("*45", "100*1001#4712#", "1001#4711#")
    site.wait_for_state("1001", "ready")
    code("*46", "1001#4712#", "1001#4711*1001#0815#", "1002#4711#")
    check(site.state("1001") == "ready", "three wrong ones")
    check(site.state("1002") == "logged_out", "nor the other")
    change(site.pbx.configs / "pjsip_strowger.conf", ("direct_media = no", "direct_media = no\ndtmf_mode = info"))
    site.pbx.command("module reload res_pjsip.so")
    code("*48", "1001#4711#")
    site.wait_for_state("1001", "not_ready")
    site.engine.settle()
    site.pbx.settle()
    check(site.engine.metric("acd_contacts_offered_total") == 0, "codes are no contacts")


# ---- Fax ------------------------------------------------------------------------------------------------------------------

T38 = "direct_media = no\nt38_udptl = yes\nt38_udptl_ec = redundancy"
FAXES = "load = res_pjsip_t38.so\nload = res_fax.so\nload = res_fax_spandsp.so\nload = res_clioriginate.so"


def offer_t38(call):
    """This phone would rather be a fax: the status that it gets."""
    host, port = call.phone.host, call.port + 1
    body = (
        f"v=0\r\no=- 1 {call.number + 2} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=image {port} udptl t38\r\n"
        "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:1024\r\n"
        "a=T38FaxMaxDatagram:238\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
    )
    return call.code_of(call.request("INVITE", body=body), 10)


@beside_asterisk_with({
    "modules.conf": [(None, FAXES)],
    "pjsip.conf": [("direct_media = no", T38)],
    "pjsip_strowger.conf": [("direct_media = no", T38)],
    "pjsip_wizard.conf": [("endpoint/direct_media = no", "endpoint/direct_media = no\nendpoint/t38_udptl = yes")],
    "strowger.toml": [*QUICK, ("numbers = [\"801\"]\n", 'numbers = ["801"]\nfax = "detect"\n'), ('"on_agent"', '"on_queue"')],
})
def asterisk_offers_t38(site):
    """In a talk each side offers T.38 by way of Asterisk: Strowger refuses, 488, and audio goes on. A fax machine that calls a queue
    which looks for them is let go, and no agent answers it."""
    watch(site)
    phone, silent = site.phone("1001"), site.phone("1006", answers=False)
    site.only([])
    calls = joined(site, phone)
    hear_each_other(calls)
    for turn, call in enumerate(calls, 1):
        code = offer_t38(call)
        check(code == 488, f"{'an agent' if turn == 2 else 'a caller'} offers T.38: {code}")
        seen = [name_of(m) for m in wire(site) if "m=image" in m.text and not m.is_ours]
        refused = [name_of(message) for message in wire(site) if message.is_ours and name_of(message) == "488 INVITE"]
        check(len(seen) >= turn and len(refused) >= turn, f"turn {turn}: Strowger was offered {seen}, said {refused}")
        hear_each_other(calls)
    part(site, *calls)
    # A machine, at a queue whose agent is rung meanwhile.
    set_ready(site, "1006")
    page(site.pbx.folder / "page.tif")
    site.pbx.command("channel originate PJSIP/801@strowger application SendFAX /mnt/page.tif")
    wait_until(lambda: silent.calls, "the agent rings")
    wait_until(lambda: silent.calls[-1].has_ended, "nobody rings for it any more")
    check(site.engine.metric("acd_calls_flowout_total", reason="fax") == 1, "it is counted")
    site.rest()
    check(site.engine.queue("sales")["answered"] == 0, "nobody has it")


def page(path):
    """A page for a fax machine: TIFF, 1728 by 1100 dots, white but for a bar."""
    rows = b"\x00" * 216 * 500 + b"\xff" * 216 * 100 + b"\x00" * 216 * 500
    short, long, rational = 3, 4, 5
    tags = [
        (256, short, 1728), (257, short, 1100), (258, short, 1), (259, short, 1), (262, short, 0), (266, short, 1), (273, long, 512),
        (277, short, 1), (278, short, 1100), (279, long, len(rows)), (282, rational, 400), (283, rational, 408), (296, short, 2),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, number) for tag, kind, number in tags)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    path.write_bytes(head.ljust(400, b"\0") + struct.pack("<IIII", 204, 1, 196, 1).ljust(112, b"\0") + rows)


# ---- Media and identity ---------------------------------------------------------------------------------------------------

DIRECT = "direct_media = yes"


@beside_asterisk_with({
    "pjsip.conf": [("direct_media = no", DIRECT)],
    "pjsip_strowger.conf": [("direct_media = no", DIRECT)],
    "pjsip_wizard.conf": [("endpoint/direct_media = no", f"endpoint/{DIRECT}")],
    "strowger.toml": QUICK,
})
def asterisk_steps_out_of_the_audio(site):
    """`direct_media`: phone and caller send their audio to Strowger itself, which hears and holds as before."""
    watch(site)
    phone = site.phone("1001")
    site.only([])
    theirs, mine = joined(site, phone)
    ports = range(20_000, 21_000)
    wait_until(lambda: theirs.media[1] in ports and mine.media[1] in ports, f"audio goes past Asterisk: {theirs.media} {mine.media}")
    hear_each_other([theirs, mine])
    mine.change("sendonly")
    wait_until(lambda: site.state("1001") == "hold", "the hold is seen")
    mine.change("sendrecv")
    wait_until(lambda: site.state("1001") == "talking", "it is over")
    hear_each_other([theirs, mine])
    part(site, mine, theirs)


@beside_asterisk_with({
    "pjsip_strowger.conf": [
        ("send_pai = yes", "send_rpid = yes"),
        ("trust_id_inbound = yes", "trust_id_inbound = no"),
        ("direct_media = no", "direct_media = no\nrtp_symmetric = yes\nforce_rport = yes\nrewrite_contact = yes"),
    ],
    "strowger.toml": QUICK,
})
def asterisk_tells_names_in_the_older_way(site):
    """`send_rpid` in place of `send_pai`, nothing trusted, and the options for NAT: calls go through, and a number that only From
    tells is shown to the agent as before."""
    watch(site)
    phone = site.phone("1001")
    site.only([])
    calls = joined(site, phone)
    hear_each_other(calls)
    invites = [message for message in wire(site) if name_of(message) == "INVITE"]
    check("Remote-Party-ID" in invites[0].text, f"{invites[0].text}")
    check("sip:4711@" in value(invites[-1], "From"), f"{invites[-1].text}")
    part(site, *calls)


# ---- Restarted and stopped in order ---------------------------------------------------------------------------------------


@beside_asterisk_with({"strowger.toml": [QUICK[0]]})
def asterisk_is_restarted_by_its_console(site):
    """An agent who declines on the phone has refused. `core restart now` while one talks, one waits with music, two ring and their
    agents' phones too: Asterisk hangs up everywhere, so these callers have left; nothing is stuck, no agent has refused, and calls go
    on."""
    watch(site)
    refusing = site.phone("1005", answers=False)
    site.only([])
    caller = a_caller(site, "800")
    set_ready(site, "1005")
    site.wait_for_state("1005", "ringing")
    refusing.calls[-1].refuse(603)
    wait_until(lambda: site.state("1005") == "not_ready rejected", "who declines has refused")
    caller.hang_up()
    site.only([])
    talks = joined(site, site.phone("1001"))
    people = ["1006", "1007"]
    site.phones(people, "agent_never_answers")
    waits = [a_caller(site, number) for number in ("800", "801", "801")]
    set_ready(site, *people)
    for name in people:
        site.wait_for_state(name, "ringing")
    past_short = lambda: min(site.engine.queue(name)["longest_wait_seconds"] for name in ("support", "sales")) > 5
    wait_until(past_short, "nobody's end will be a short abandon")
    before = len(wire(site))
    site.pbx.command("core restart now")
    for call in [*talks, *waits]:
        call.has_ended = True
    wait_until(lambda: site.pbx.console().count("Asterisk Ready") == 2, "it is there again", 20)
    site.engine.settle()
    said = {name_of(message) for message in wire(site)[before:] if not message.is_ours}
    # Offers that ring get 603 from it, or our CANCEL where it has ended their callers before.
    check({"BYE", "CANCEL"} <= said and said & {"603 INVITE", "487 INVITE"}, f"Asterisk ends every call: {said}")
    check(site.engine.metric("acd_offers_total", result="rejected") == 1, "no agent has refused but the one")
    site.rest(20)
    found = {name: site.engine.queue(name) for name in ("support", "sales")}
    check((found["support"]["answered"], found["support"]["abandoned"], found["sales"]["abandoned"]) == (1, 2, 2), f"{found}")
    phones = site.phones(["1001", "1006"], d=0)
    set_ready(site, "1001", "1006")
    for number in ("800", "801"):
        caller = site.caller("caller", number, d=500, m=1)
        expect_all_ok(caller, caller.wait(30), 1)
    site.rest()
    expect_all_ok(phones, phones.quit(), 2)
    check(len(refusing.calls) == 1, "who has refused was asked once")


@beside_asterisk_with({"strowger.toml": [*QUICK, ('"15s"   ', '"8s"   '), ('qualify = "2s"', 'qualify = "1h"')]})
def asterisk_restarts_unnoticed(site):
    """Asterisk crashes, and is back before it is asked by OPTIONS: who waited with music is missed by the silence, and then who only rang;
    both are lost by the trunk's fault, and no agent is rung for them."""
    watch(site)
    phone = site.phone("1006")
    site.only([])
    waits = [a_caller(site, number) for number in ("800", "801")]
    waiting = lambda: [site.engine.queue(name)["waiting"] for name in ("support", "sales")]
    wait_until(lambda: waiting() == [1, 1], "one waits with music, one rings")
    site.pbx.kill()
    site.pbx.start()
    for call in waits:
        call.has_ended = True
    wait_until(lambda: waiting() == [0, 0], "both are missed", 25)
    check("peer does not answer" not in site.engine.log_text(), "nobody has noticed")
    lost = site.engine.metric("acd_contacts_lost_total", cause="trunk_fault")
    check(lost == 2, f"{lost:g} lost by the trunk's fault")
    site.register("1006", phone.port)
    calls = joined(site, phone, "801")
    hear_each_other(calls)
    part(site, *calls)
    check(len(phone.calls) == 1, "rung for nobody else")


@beside_asterisk
def asterisk_stops_gracefully(site):
    """`core stop gracefully` while one talks and one waits: it takes no call any more, so its agents are unreachable and not to
    blame; the talk goes on, who waits waits on, and Asterisk ends when both have left."""
    talker, other = site.phone("1001"), site.phone("1002")
    site.only([])
    theirs, mine = joined(site, talker)
    waits = a_caller(site, "800")
    wait_until(lambda: waits.is_up, "it waits")
    stop = threading.Thread(target=lambda: site.pbx.command("core stop gracefully", 60))
    stop.start()
    wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 0, "it is noticed")
    set_ready(site, "1002")
    site.wait_for_state("1002", "unreachable")
    hear_each_other([theirs, mine])
    mine.hang_up()
    wait_until(lambda: theirs.has_ended, "the caller is told")
    listen([waits], 0.3)
    check(loudness(listen([waits], 0.6)[0]) > 100, "who waits hears music on")
    check(not other.calls and site.engine.metric("acd_offers_total", result="failed") == 0, "nobody was offered anything")
    waits.hang_up()
    stop.join()
    wait_until(lambda: site.pbx.child.poll() is not None, "it ends", 20)
    site.engine.settle()
    states = {site.state(name) for name in ("1001", "1002")}
    check(states <= {"unreachable", "wrap_up"}, f"{states}")


BESIDE = [
    asterisk_requires_session_timers,
    asterisk_trunk_by_tcp,
    asterisk_wants_provisionals_acknowledged,
    asterisk_agents_key_in_their_pins,
    asterisk_is_restarted_by_its_console,
    asterisk_restarts_unnoticed,
]
CASES = [
    asterisk_offers_t38,
    asterisk_steps_out_of_the_audio,
    asterisk_tells_names_in_the_older_way,
    asterisk_stops_gracefully,
]
