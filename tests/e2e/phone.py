"""A phone for the tests beside Asterisk: registers, takes and makes calls, holds, transfers by REFER, presses keys (RFC 4733).

It answers whatever comes on its socket by itself, in a thread; a test looks at its calls and tells it what to do next.
"""

import os
import random
import re
import socket
import struct
import threading
import time

from harness import check, wait_until


class Call:
    """One dialog of a phone."""

    def __init__(self, phone, far, call_id, local, remote, target):
        self.phone, self.far = phone, far
        self.id, self.local, self.remote, self.target = call_id, local, remote, target
        self.number, self.is_up, self.has_ended, self.codes, self.news = 0, False, False, {}, []
        # What the far end last offered: sendrecv, sendonly ..., and who it says is connected.
        self.direction, self.identities, self.media, self.ours = "sendrecv", [], None, "sendrecv"
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((phone.host, 0))
        self.port = self.rtp.getsockname()[1]
        # Of the next packet of audio.
        self.sequence = 0
        # What the far end offers or has chosen, by payload types.
        self.formats = phone.formats
        self.lock, self.respond = threading.Lock(), None

    def request(self, method, extra=(), body="", number=None, of=None):
        """Sends a request in the dialog; answers with its CSeq number. `of`: it belongs to the transaction of this method."""
        if number is None:
            self.number += 1
            number = self.number
        branch = f"{self.id}{number}{of or method}"
        self.phone.send(self.far, method, self.target, self.local, self.remote, self.id, number, extra, body, branch)
        return number

    def code_of(self, number, seconds=5.0):
        """The final status of the request of this number."""
        return wait_until(lambda: self.codes.get(number, (0, ""))[0] >= 200 and self.codes[number], "an answer", seconds)[0]

    def description(self, direction=None):
        """This phone's session description."""
        self.ours = direction or self.ours
        chosen = [number for number in self.phone.formats if number in self.formats]
        numbers = " ".join(str(number) for number in chosen)
        maps = "".join(f"a=rtpmap:{number} {FORMATS[number]}/8000\r\n" for number in chosen)
        return (
            f"v=0\r\no=- 1 {self.number + 2} IN IP4 {self.phone.host}\r\ns=-\r\nc=IN IP4 {self.phone.host}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP {numbers}\r\n{maps}a={self.ours}\r\n"
        )

    def read(self, text):
        """Takes what a message says of the session and of who is there."""
        identity = re.search(r"^P-Asserted-Identity:.*?sip:([^@>]+)@", text, re.M | re.I)
        self.identities += [identity[1]] if identity else []
        media = re.search(r"^m=audio (\d+) RTP/AVP ([\d ]+)", text, re.M)
        if media:
            self.formats = [int(number) for number in media[2].split()]
            self.media = (re.search(r"^c=IN IP4 (\S+)", text, re.M)[1], int(media[1]))
            found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", text, re.M)
            self.direction = found[1] if found else "sendrecv"

    def answer(self):
        """Takes a call that rings; False when the caller has gone."""
        with self.lock:
            if not self.has_ended:
                self.is_up = True
                self.respond(200, self.description())
        return self.is_up

    def refuse(self, code):
        """Takes it not, or, 487, not any more."""
        with self.lock:
            if not self.is_up and not self.has_ended:
                self.has_ended = True
                self.respond(code, "")

    def change(self, direction):
        """re-INVITE: `sendonly` holds, `sendrecv` resumes."""
        for _ in range(5):
            number = self.request("INVITE", body=self.description(direction))
            # 491: the far end changes something in the same moment.
            if self.code_of(number) != 491:
                break
            time.sleep(random.uniform(0.2, 1.0))
        check(self.code_of(number) == 200, f"re-INVITE: {self.codes[number]}")
        self.request("ACK", number=number)

    def refer(self, uri, replaces=None):
        """REFER; attended where another call of this phone is named."""
        if replaces is not None:
            tag = lambda party: re.search(r";tag=([^;>\s]+)", party)[1]
            dialog = f"{replaces.id};to-tag={tag(replaces.remote)};from-tag={tag(replaces.local)}"
            uri += "?Replaces=" + dialog.replace("@", "%40").replace(";", "%3B").replace("=", "%3D")
        number = self.request("REFER", [f"Refer-To: <{uri}>", f"Referred-By: <sip:{self.phone.name}@{self.phone.host}>"])
        code = self.code_of(number)
        check(code == 202, f"REFER: {self.codes[number]}")

    def press(self, keys):
        """Presses keys: telephone events of 100 ms each, the end said three times."""
        wait_until(lambda: self.media is not None, "audio")
        stamp, sequence = random.getrandbits(31), random.getrandbits(15)
        for key in keys:
            event = "0123456789*#".index(key)
            for turn in range(1, 8):
                is_end = turn >= 5
                header = struct.pack("!BBHII", 0x80, 101 | (0x80 if turn == 1 else 0), sequence & 0xFFFF, stamp & 0xFFFFFFFF, 9)
                self.rtp.sendto(header + struct.pack("!BBH", event, 10 | (0x80 if is_end else 0), min(turn, 5) * 160), self.media)
                sequence += 1
                time.sleep(0.02)
            stamp += 4_000
            time.sleep(0.1)

    def hang_up(self):
        """BYE, once."""
        if not self.has_ended:
            self.has_ended = True
            number = self.request("BYE")
            # Where both hang up at once there is no such dialog any more; to Asterisk that is 401 for a phone with a password.
            check(self.code_of(number) in (200, 401, 481), f"BYE: {self.codes[number]}")


# Audio by its payload type, and telephone events.
FORMATS = {0: "PCMU", 8: "PCMA", 9: "G722", 101: "telephone-event"}


class Phone:
    """See the module. `answers`: it takes calls as soon as they ring; else it rings. `formats`: what it speaks, the best first."""

    def __init__(self, name, host, port=0, answers=True, status=200, formats=(8, 101)):
        self.name, self.host, self.answers, self.status = name, host, answers, status
        self.formats = formats
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.port = self.socket.getsockname()[1]
        self.calls, self.seen, self.is_closed = [], {}, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        """No more."""
        self.is_closed = True
        self.thread.join()
        self.socket.close()

    def live(self):
        """Its calls that live, in the order of their begin."""
        return [call for call in self.calls if call.is_up and not call.has_ended]

    def talk(self, seconds=10.0):
        """Its only live call, once there is one."""
        return wait_until(self.live, f"{self.name} talks", seconds)[-1]

    def dial(self, number, far, credentials=None, extra=(), waits=True):
        """Calls a number there; `credentials(challenge, method, uri)` answers a challenge. The call, answered if `waits`."""
        uri = f"sip:{number}@{far[0]}"
        local = f"<sip:{self.name}@{self.host}>;tag={os.urandom(5).hex()}"
        call = Call(self, far, os.urandom(8).hex(), local, f"<{uri}>", f"sip:{number}@{far[0]}:{far[1]}")
        self.calls.append(call)
        first = call.request("INVITE", extra, call.description())
        if credentials is not None:
            check(call.code_of(first) == 401, f"{call.codes[first]}")
            answer = credentials(call.codes[first][1], "INVITE", call.target)
            first = call.request("INVITE", [*extra, f"Authorization: {answer}"], call.description())
        if waits:
            check(call.code_of(first, 15) == 200, f"{self.name} dials {number}: {call.codes[first]}")
        return call

    def send(self, far, method, target, local, remote, call_id, number, extra, body, branch):
        """Sends a request."""
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};rport;branch=z9hG4bK{branch}",
            "Max-Forwards: 70",
            f"From: {local}",
            f"To: {remote}",
            f"Call-ID: {call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self.name}@{self.host}:{self.port}>",
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, REFER, NOTIFY",
            *extra,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), far)

    def _run(self):
        self.socket.settimeout(0.2)
        while not self.is_closed:
            try:
                text, source = self.socket.recvfrom(65_535)
            except TimeoutError:
                continue
            self._take(text.decode(errors="replace"), source)

    def _take(self, text, source):
        header = lambda name: (re.search(rf"^{name}: *(.*?)\r$", text, re.M | re.I) or ["", ""])[1]
        number, method = header("CSeq").split()
        call = next((call for call in self.calls if call.id == header("Call-ID")), None)
        if text.startswith("SIP/2.0 "):
            return self._on_response(call, int(text[8:11]), int(number), method, text, header)
        branch = (re.search(r"branch=([^;\s]+)", header("Via"))[1], method)
        if branch in self.seen and self.seen[branch]:
            return self.socket.sendto(self.seen[branch], source)
        if branch not in self.seen:
            self.seen[branch] = None
            self._on_request(call, method, text, source, header, branch)

    def _on_response(self, call, code, number, method, text, header):
        if call is None or code == 100:
            return
        if method == "INVITE" and code >= 200 and not call.is_up:
            remote = call.remote
            call.remote = header("To")
            if code < 300:
                call.target = re.search(r"<(.*?)>", header("Contact"))[1]
                call.read(text)
                call.is_up = True
            call.request("ACK", number=number, of="ACK" if code < 300 else "INVITE")
            call.remote = call.remote if code < 300 else remote
        elif method == "INVITE" and code >= 300:
            call.request("ACK", number=number, of="INVITE")
        elif method == "INVITE":
            call.read(text)
        call.codes[number] = (code, text)

    def _on_request(self, call, method, text, source, header, branch):
        respond = lambda code, extra=(), body="", tag="": self._respond(source, header, text, branch, code, extra, body, tag)
        if method == "ACK":
            if call is not None:
                call.read(text)
        elif method == "INVITE" and ";tag=" not in header("To"):
            self._on_call(text, source, header, respond)
        elif method == "CANCEL":
            respond(200)
            if call is not None:
                call.refuse(487)
        elif call is None:
            respond(200 if method == "OPTIONS" else 481)
        elif method in ("INVITE", "UPDATE"):
            call.read(text)
            mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(call.direction, call.direction)
            respond(200, body=call.description(mirrored) if "m=audio" in text or method == "INVITE" else "")
        else:
            if method == "NOTIFY":
                call.news.append(int(re.search(r"SIP/2\.0 (\d+)", text[text.index("\r\n\r\n"):])[1]))
            call.has_ended = call.has_ended or method == "BYE"
            respond(200)

    def _on_call(self, text, source, header, respond):
        tag = os.urandom(5).hex()
        target = re.search(r"<(.*?)>", header("Contact"))[1]
        call = Call(self, source, header("Call-ID"), f"{header('To')};tag={tag}", header("From"), target)
        call.read(text)
        call.replaces = header("Replaces")
        call.respond = lambda code, body: respond(code, body=body, tag=tag)
        self.calls.append(call)
        if self.status != 200:
            return call.refuse(self.status)
        call.respond(180, "")
        if self.answers:
            call.answer()

    def _respond(self, source, header, text, branch, code, extra, body, tag):
        vias = re.findall(r"^Via: *(.*?)\r$", text, re.M | re.I)
        records = re.findall(r"^Record-Route: *(.*?)\r$", text, re.M | re.I)
        lines = [
            f"SIP/2.0 {code} Whatever",
            *(f"Via: {via}" for via in vias),
            *(f"Record-Route: {record}" for record in records),
            f"From: {header('From')}",
            f"To: {header('To')}{f';tag={tag}' if tag else ''}",
            f"Call-ID: {header('Call-ID')}",
            f"CSeq: {header('CSeq')}",
            f"Contact: <sip:{self.name}@{self.host}:{self.port}>",
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, REFER, NOTIFY",
            *extra,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        message = ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
        self.seen[branch] = message
        self.socket.sendto(message, source)
