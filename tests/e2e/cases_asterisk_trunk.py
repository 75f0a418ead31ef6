"""How a real Asterisk and Strowger prove to each other who they are, and which codecs they carry."""

import os
import re
import select
import struct
import time

from asterisk import CONFIGS, PBX, PHONES, TRUNK, beside_a_distribution_s_asterisk, beside_asterisk_with, change
from cases_calls import expect_all_ok
from harness import check, wait_until
from heard import listen, share_of_tone
from phone import Phone

OUTBOUND = "load = res_pjsip_outbound_authenticator_digest.so"

# ---- Digest, both ways ---------------------------------------------------------------------------------------------------

AUTHS = """
[asks]
type = auth
auth_type = digest
username = strowger
password = what Strowger knows
supported_algorithms_uas = MD5

[answers]
type = auth
auth_type = digest
username = asterisk
password = what Asterisk knows
supported_algorithms_uac = MD5,SHA-256
"""
BOTH_ASK = """[peers.pbx]
outbound_auth = { username = "strowger", password = "what Strowger knows" }
auth = { username = "asterisk", password = "what Asterisk knows", algorithms = ["MD5"] }"""


def proofs(site):
    """Proofs that Asterisk has seen by now, either way: user and algorithm of each Authorization."""
    found = re.findall(r"^Authorization: *Digest (.*)$", site.pbx.console(), re.M | re.I)
    word = lambda text, key: (re.search(rf'\b{key}="?([\w-]+)', text) or ["", ""])[1]
    return [(word(text, "username"), word(text, "algorithm").upper()) for text in found]


@beside_asterisk_with({
    "modules.conf": [(None, OUTBOUND)],
    "pjsip_strowger.conf": [("aors = strowger", "aors = strowger\nauth = asks\noutbound_auth = answers"), (None, AUTHS)],
    "strowger.toml": [("[peers.pbx]", BOTH_ASK), ('[agents."1001-1005"]', '[agents."1001-1005"]\nbusy_pause = "1s"')],
})
def asterisk_challenges_strowger(site):
    """Each asks the other for a password, by MD5 and by SHA-256: whoever has none that is good gets nothing, with the good ones
    calls, subscriptions and OPTIONS go as they do without."""
    phones = site.phones(["1001"], d=0)
    site.only(["1001"])
    site.pbx.command("pjsip set logger on")
    told = lambda: {agent.get("device_source") for agent in site.engine.agents().values()}
    wait_until(lambda: told() == {"told"}, f"Asterisk tells of every phone: {told()}", 15)
    answered = 0

    def a_caller_is_answered():
        nonlocal answered
        site.everybody_is_ready()
        caller = site.caller("caller", "800", d=1500, m=1)
        expect_all_ok(caller, caller.wait(20), 1)
        answered += 1
        check(site.engine.queue("support")["answered"] == answered, f"the agent talks: {site.engine.queue('support')}")

    for algorithm in ("MD5", "SHA-256"):
        if algorithm != "MD5":
            # It asks by one that we do not know first.
            change(site.pbx.configs / "pjsip_strowger.conf", ("_uas = MD5", f"_uas = SHA-512-256,{algorithm},MD5"))
            site.pbx.command("module reload res_pjsip.so")
            site.reload('["MD5"]', f'["{algorithm}"]')
        before = len(proofs(site))
        a_caller_is_answered()
        a_caller_is_answered()
        for user in ("strowger", "asterisk"):
            new = proofs(site)[before:]
            check((user, algorithm) in new, f"{user} proves itself by {algorithm}: {new}")
    check("algorithm=SHA-512-256" in site.pbx.console(), "Asterisk asks by more than one")
    check("peer asks for credentials" not in site.engine.log_text(), "nothing is refused")
    site.reload("what Strowger knows", "a guess")
    site.everybody_is_ready()
    guesses = site.caller("caller", "800", d=1500, m=1)
    expect_all_ok(guesses, guesses.wait(20), 1)
    check(site.engine.metric("acd_offers_total", result="failed") >= 1, "an offer with a wrong password fails")
    check("peer asks for credentials" in site.engine.log_text(), "the log says why")
    check(site.engine.metric("acd_peer_up", peer="pbx") == 1, "OPTIONS that are answered with 401 are answered")
    site.reload("a guess", "what Strowger knows")
    a_caller_is_answered()
    site.rest()
    expect_all_ok(phones, phones.quit(), answered)


# ---- Asterisk as a phone of Strowger's -----------------------------------------------------------------------------------

LINE = """
[line]
type = registration
transport = transport-udp
server_uri = sip:127.0.0.1:5080
client_uri = sip:2001@127.0.0.1
contact_user = 2001
outbound_auth = line
retry_interval = 1
forbidden_retry_interval = 1
auth_rejection_permanent = no

[line]
type = auth
auth_type = digest
username = 2001
password = a guess
"""
# Calls for this line ring the phone at 1001.
LINE_EXTENSION = """
[from-strowger]
exten => 2001,1,Dial(PJSIP/1001,120)
 same => n,Hangup(${HANGUPCAUSE})
"""
LINE_AGENT = """
[agents.2001]
register = true
password = "what the line knows"
initial = "logged-out"
skills = ["support"]

[registrar]
keep_alive = "1s"
"""


@beside_asterisk_with({
    "modules.conf": [(None, OUTBOUND)],
    "pjsip_strowger.conf": [(None, LINE)],
    "extensions_strowger.conf": [(None, LINE_EXTENSION)],
    "strowger.toml": [(None, LINE_AGENT)],
})
def asterisk_registers(site):
    """Asterisk registers a line at Strowger, by digest: refused with a wrong password, rung when it has registered, unreachable
    when it unregisters or dies, and back."""
    phones = site.phones(["1001"], d=0)
    site.only(["2001"])
    row = lambda: site.engine.agents()["2001"]
    site.pbx.command("module load res_pjsip_outbound_registration.so")
    # Asterisk begins within 10 s.
    wait_until(lambda: "wrong password" in site.engine.log_text(), "a wrong password is noticed", 20)
    check(site.engine.json("/v1/registrations")["total"] == 0, "and gets no registration")
    status, text = site.engine.request("/v1/agents/2001/state", {"state": "ready"})
    check(status == 200 and row()["unreachable"] == "not registered", f"{text} {row()}")
    change(site.pbx.configs / "pjsip_strowger.conf", ("a guess", "what the line knows"))
    site.pbx.command("module reload res_pjsip.so")
    site.pbx.command("module reload res_pjsip_outbound_registration.so")
    registered = lambda: "Registered" in site.pbx.command("pjsip show registrations")
    answered = 0

    def calls_go_through():
        nonlocal answered
        site.wait_for_state("2001", "ready", 30)
        caller = site.caller("caller", "800", d=1500, m=1)
        expect_all_ok(caller, caller.wait(20), 1)
        answered += 1
        check(site.engine.queue("support")["answered"] == answered, f"{site.engine.queue('support')}")
        site.rest()

    wait_until(lambda: row().get("registration"), "the line is registered", 30)
    check(row()["registration"]["source"] == f"{PBX[0]}:{PBX[1]}", f"{row()}")
    wait_until(registered, "Asterisk knows")
    calls_go_through()
    site.pbx.command("pjsip send unregister line")
    site.wait_for_state("2001", "unreachable")
    check(row()["unreachable"] == "not registered", f"{row()}")
    site.pbx.command("pjsip send register line")
    calls_go_through()
    site.pbx.kill()
    wait_until(lambda: site.state("2001") == "unreachable", "its OPTIONS are not answered", 60)
    site.pbx.start()
    site.register("1001", phones.port)
    wait_until(lambda: site.engine.metric("acd_peer_up", peer="pbx") == 1, "it is back", 10)
    site.pbx.command("module load res_pjsip_outbound_registration.so")
    calls_go_through()
    expect_all_ok(phones, phones.quit(), answered)


# ---- Codecs --------------------------------------------------------------------------------------------------------------

FRAME, STEP = 160, 0.02
PCMU, G722 = 0, 9


def exchange(calls, kind, frames=60):
    """Both ends send frames of random bytes in this payload type: which share of those of each arrives at the other as it was."""
    sent, heard = [[], []], [[], []]
    begin = time.monotonic()
    for number in range(frames + 25):
        for place, call in enumerate(calls):
            if number < frames:
                sent[place].append(os.urandom(FRAME))
                header = struct.pack("!BBHII", 0x80, kind, number, number * FRAME, 7 + place)
                call.rtp.sendto(header + sent[place][-1], call.media)
        while (left := begin + (number + 1) * STEP - time.monotonic()) > 0:
            ready, _, _ = select.select([call.rtp for call in calls], [], [], left)
            for place, call in enumerate(calls):
                if call.rtp in ready:
                    packet = call.rtp.recvfrom(2048)[0]
                    heard[place] += [packet[12:]] if packet[1] & 0x7F == kind else []
    return [len(set(heard[1 - place]) & set(sent[place])) / frames for place in (0, 1)]


def joined(site, phone, formats):
    """A caller who speaks these, and the phone of the only agent: both calls, in talk."""
    caller = Phone("4711", TRUNK, formats=formats)
    site.open_phones.append(caller)
    mine = caller.dial("801", PBX, waits=False)
    theirs = phone.talk()
    wait_until(lambda: mine.is_up, "the caller is answered")
    return mine, theirs


def formats_of(site):
    """The formats of Asterisk's channels with Strowger."""
    lines = site.pbx.command("core show channels concise").splitlines()
    channels = [line.split("!")[0] for line in lines if line.startswith("PJSIP/strowger-")]
    told = (site.pbx.command(f"core show channel {channel}") for channel in channels)
    return [re.search(r"NativeFormats: \((.*?)\)", text)[1] for text in told]


@beside_asterisk_with({
    "modules.conf": [(None, "load = codec_g722.so")],
    "pjsip.conf": [("allow = alaw,ulaw", "allow = g722,ulaw,alaw")],
    "pjsip_strowger.conf": [("allow = alaw,ulaw", "allow = g722,ulaw,alaw")],
    "pjsip_wizard.conf": [("allow = alaw,ulaw", "allow = g722,ulaw,alaw")],
})
def asterisk_carries_wideband(site):
    """G.722 from a caller to an agent's phone and back arrives bit by bit as it was sent; where the agent's phone speaks PCMU alone,
    PCMU is what both legs of Strowger speak."""
    phone = site.phone("1006", formats=(G722, PCMU, 101))
    site.only(["1006"])
    calls = joined(site, phone, (G722, PCMU, 101))
    check(formats_of(site) == ["g722", "g722"], f"Asterisk speaks {formats_of(site)} with Strowger")
    shares = exchange(calls, G722)
    check(min(shares) > 0.8, f"so much arrived as it was sent: {shares}")
    calls[0].hang_up()
    site.rest()
    # The same agent at a phone that speaks with Strowger itself.
    plain = Phone("1006", PHONES, formats=(PCMU, 101))
    site.open_phones.append(plain)
    own = f'[agents.1006]\nuri = "sip:1006@{PHONES}:{plain.port}"\npeer = "phone"\nskills = ["sales"]\n\n'
    own += f'[peers.phone]\naddress = "{PHONES}:{plain.port}"\n\n'
    change(site.strowger, ('[agents."1006-1010"]', own + '[agents."1007-1010"]'))
    site.engine.kill()
    site.start_engine()
    site.only(["1006"])
    calls = joined(site, plain, (G722, PCMU, 101))
    check(formats_of(site) == ["ulaw"], f"Asterisk speaks {formats_of(site)} with Strowger")
    calls[0].hang_up()
    site.rest()


# ---- IPv6, and phones that are not there ---------------------------------------------------------------------------------


@beside_asterisk_with({
    "pjsip.conf": [("[trunk]\n", "[transport-six]\ntype = transport\nprotocol = udp\nbind = [::]:5060\n\n[trunk]\n")],
    "pjsip_strowger.conf": [
        ("context = from-strowger", "context = from-strowger\ntransport = transport-six\nrtp_ipv6 = yes"),
        ("sip:127.0.0.1:5080", "sip:[::1]:5080"),
        ("match = 127.0.0.1", "match = ::1"),
    ],
    "strowger.toml": [
        ('listen = "127.0.0.1:5080"', 'listen = "[::1]:5080"'),
        ("sip:9{number}@127.0.0.1:5060", "sip:9{number}@[::1]:5060"),
        ('address = "127.0.0.1:5060"', 'address = "[::1]:5060"'),
    ],
})
def asterisk_speaks_ipv6(site):
    """IPv6 between Asterisk and Strowger, IPv4 to caller and phone: each hears the other."""
    phone = site.phone("1001")
    site.only(["1001"])
    caller = Phone("4711", TRUNK)
    site.open_phones.append(caller)
    theirs, mine = caller.dial("800", PBX), phone.talk()
    wait_until(lambda: site.state("1001") == "talking", "they talk")
    listen([mine, theirs], 0.5, [mine, theirs])
    shares = [share_of_tone(heard) for heard in listen([mine, theirs], 1.0, [mine, theirs])]
    check(min(shares) > 0.9, f"each hears the other: {shares}")
    theirs.hang_up()
    site.rest()


@beside_asterisk_with({})
def asterisk_phone_is_not_there(site):
    """A phone that is not registered at Asterisk, which tells of it as idle: the agent is unreachable after one offer, the supervisor
    sees why, and the phone is rung as soon as it registers; nobody has to do anything."""
    site.only(["1001"])
    caller = site.caller("caller_stays", "800", m=1)
    site.wait_for_state("1001", "unreachable")
    row = site.engine.agents()["1001"]
    check(row["unreachable"] == "calls do not reach the device" and not row["reachable"], f"the supervisor sees why: {row}")
    check(0 < row["ends_seconds"] <= 10, f"and when it is tried again: {row}")
    phone = site.phone("1001")
    call = phone.talk(15)
    wait_until(lambda: site.state("1001") == "talking", "1001 has the caller")
    failed = site.engine.metric("acd_offers_total", result="failed")
    check(failed <= 2, f"{failed:g} offers in a moment")
    call.hang_up()
    site.rest()
    check(caller.quit()["failed"] == 0, f"{caller.errors()}")


# ---- The guide -----------------------------------------------------------------------------------------------------------

# An Asterisk that was there already: its transport, its provider and a phone, by names of its own.
OWN_PJSIP = """
[udp]
type = transport
protocol = udp
bind = 0.0.0.0:5060

[provider]
type = endpoint
context = inbound
disallow = all
allow = alaw
direct_media = no
; SIPp answers no re-INVITE.
send_connected_line = no
aors = provider

[provider]
type = aor
contact = sip:127.0.0.2:5062

[provider]
type = identify
endpoint = provider
match = 127.0.0.2

[1001]
type = endpoint
context = internal
disallow = all
allow = alaw
auth = 1001
aors = 1001
device_state_busy_at = 1

[1001]
type = auth
auth_type = digest
username = 1001
password = change-me-1001

[1001]
type = aor
max_contacts = 1
"""
OWN_EXTENSIONS = """
[inbound]
include => strowger-queues

[internal]
include => strowger-queues
include => strowger-codes

[hints]
exten => 1001,hint,PJSIP/1001
"""
FALLBACK = (CONFIGS / "queues.conf").read_text().split("persistentmembers = no\n")[1]


@beside_a_distribution_s_asterisk(
    {
        "pjsip.conf": [(None, OWN_PJSIP), (None, "#include pjsip_strowger.conf\n")],
        "extensions.conf": [(None, OWN_EXTENSIONS), (None, "#include extensions_strowger.conf\n")],
        "extensions_strowger.conf": [("@trunk,60", "@provider,60")],
        "queues.conf": [(None, FALLBACK)],
    },
    ["pjsip_strowger.conf", "extensions_strowger.conf", "strowger.toml"],
)
def asterisk_of_a_newcomer(site):
    """README's guide, step by step, at an Asterisk as its package sets it up, with a trunk and a phone that were there: a call of
    each queue's kind, a code, the phone's state, a number outside, and the fallback."""
    phone = site.phone("1001")
    site.only(["1001"])
    caller = site.caller("caller_stays", "800", m=1)
    call = phone.talk()
    wait_until(lambda: site.state("1001") == "talking", "1001 talks")
    outside = Phone("4420", TRUNK, port=5062)
    site.open_phones.append(outside)
    call.press("*34420#")
    outside.talk()
    wait_until(lambda: site.engine.metric("acd_transfers_total", target="number", outcome="completed") == 1, "a number outside")
    site.ask(next(iter(site.calls())), action="hangup")
    site.rest(20)
    check(caller.quit()["failed"] == 0, f"{caller.errors()}")
    check(site.engine.agents()["1001"]["device_source"] == "told", "Asterisk tells of the phone")
    code = site.dial(phone, "*46")
    site.wait_for_state("1001", "logged_out")
    wait_until(lambda: code.has_ended, "the code's call is over")
    site.engine.kill()
    wait_until(lambda: "Unavail" in site.pbx.command("pjsip show contacts"), "Asterisk has seen it")
    late = site.caller("caller_stays", "801", m=1)
    phone.talk()
    site.pbx.command("channel request hangup all")
    check(late.quit()["failed"] == 0, f"{late.errors()}")


BESIDE = [asterisk_of_a_newcomer, asterisk_challenges_strowger, asterisk_registers]
CASES = [asterisk_carries_wideband, asterisk_speaks_ipv6, asterisk_phone_is_not_there]
