"""What Asterisk and Strowger have said to each other, as Asterisk writes it down once it is told to."""

import collections
import re

from asterisk import STROWGER_SIP

# A message, and whether it is Strowger's.
Seen = collections.namedtuple("Seen", "is_ours start text")


def watch(site):
    """From now on Asterisk writes down each SIP message."""
    site.pbx.command("pjsip set logger on")


def wire(site):
    """The messages between Asterisk and Strowger, in their order."""
    shape = r"^<--- (Transmitting|Received) SIP \w+ \(\d+ bytes\) \w+ \w+:127\.0\.0\.1:(\d+) --->\n(.*?)(?=^<---|\Z)"
    found = re.findall(shape, site.pbx.console(), re.M | re.S)
    return [Seen(way == "Received", text.split("\n")[0], text) for way, far, text in found if int(far) == STROWGER_SIP]


def value(message, name):
    """A header field's value; empty where there is none."""
    return (re.search(rf"^{name}: *(.*?) *$", message.text, re.M | re.I) or ["", ""])[1]


def is_request(message):
    """True of a request."""
    return not message.start.startswith("SIP/2.0")


def name_of(message):
    """`INVITE`, `200 INVITE`."""
    method = value(message, "CSeq").split()[-1]
    return method if is_request(message) else f"{message.start.split()[1]} {method}"


def unanswered(messages):
    """Requests of Strowger's within a dialog, but ACKs, that Asterisk has not answered."""
    key = lambda message: (value(message, "Call-ID"), value(message, "CSeq"))
    within = [message for message in messages if message.is_ours and is_request(message) and ";tag=" in value(message, "To")]
    answered = {key(message) for message in messages if not message.is_ours and not is_request(message)}
    return [name_of(message) for message in within if name_of(message) != "ACK" and key(message) not in answered]
