"""A caller with ears: one call over UDP with G.711 A-law audio, a tone sent, and what comes back judged by content."""

import cmath
import math
import os
import re
import select
import socket
import struct
import time

from harness import check

RATE, FRAME = 8000, 160
TONE_HZ = 1000


def _expand(octet):
    """A linear sample of an A-law octet (ITU-T G.711)."""
    octet ^= 0x55
    exponent, mantissa = (octet >> 4) & 7, octet & 15
    size = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return size if octet & 0x80 else -size


LINEAR = [_expand(octet) for octet in range(256)]


def _compress(sample):
    """The A-law octet that is nearest to a sample."""
    return min(range(256), key=lambda octet: abs(LINEAR[octet] - sample))


# 1,000 Hz have eight samples a period: every frame is the same.
TONE = bytes(_compress(8000 * math.sin(2 * math.pi * TONE_HZ * n / RATE)) for n in range(8)) * (FRAME // 8)


class Ears:
    """A call from `host` to `number` at the PBX, answered and acknowledged."""

    def __init__(self, host, pbx, number):
        self.pbx, self.host, self.number = pbx, host, number
        self.sip, self.rtp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for each in (self.sip, self.rtp):
            each.bind((host, 0))
        self.id, self.sequence, self.to = os.urandom(6).hex(), 0, f"<sip:{number}@{pbx[0]}>"
        self._send("INVITE", 1, self._offer())
        answer = self._final()
        check(answer.startswith("SIP/2.0 200"), answer)
        self.to = re.search(r"^To: *(.*?)\r$", answer, re.M | re.I)[1]
        self.far = (re.search(r"^c=IN IP4 (\S+)", answer, re.M)[1], int(re.search(r"^m=audio (\d+)", answer, re.M)[1]))
        self._send("ACK", 1)

    def _offer(self):
        return (
            f"v=0\r\no=- 1 1 IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {self.rtp.getsockname()[1]} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )

    def _send(self, method, number, body=""):
        port = self.sip.getsockname()[1]
        lines = [
            f"{method} sip:{self.number}@{self.pbx[0]}:{self.pbx[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{port};branch=z9hG4bK{self.id}{method}",
            "Max-Forwards: 70",
            f"From: <sip:ears@{self.host}>;tag={self.id}",
            f"To: {self.to}",
            f"Call-ID: {self.id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:ears@{self.host}:{port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self.pbx)

    def _final(self):
        self.sip.settimeout(10)
        while True:
            text = self.sip.recvfrom(65_535)[0].decode()
            if re.match(r"SIP/2\.0 [2-6]", text):
                return text

    def listen(self, seconds):
        """The samples that came within this time, while the tone goes out."""
        heard = []
        begin = time.monotonic()
        for frame in range(int(seconds * RATE / FRAME)):
            header = struct.pack("!BBHII", 0x80, 8, self.sequence, self.sequence * FRAME, 7)
            self.rtp.sendto(header + TONE, self.far)
            self.sequence += 1
            while (left := begin + (frame + 1) * FRAME / RATE - time.monotonic()) > 0:
                self.rtp.settimeout(left)
                try:
                    packet = self.rtp.recvfrom(2048)[0]
                except TimeoutError:
                    break
                heard += [LINEAR[octet] for octet in packet[12:]] if packet[1] & 0x7F == 8 else []
        return heard

    def hang_up(self):
        """BYE."""
        self._send("BYE", 2)
        check(self._final().startswith("SIP/2.0 200"), "the BYE is answered")
        self.sip.close()
        self.rtp.close()


def loudness(samples):
    """Root of the mean square."""
    return math.sqrt(sum(sample * sample for sample in samples) / max(1, len(samples)))


def share_of_tone(samples):
    """What part of the energy is at the tone's frequency: 1 for the tone alone."""
    energy = sum(sample * sample for sample in samples)
    turn = [cmath.exp(-2j * math.pi * TONE_HZ * n / RATE) for n in range(8)]
    found = abs(sum(sample * turn[n % 8] for n, sample in enumerate(samples))) ** 2
    return 2 * found / (len(samples) * energy) if energy else 0.0


def listen(calls, seconds, senders=()):
    """What each of these calls of phones hears within this time, as samples, while the `senders` of them send the tone."""
    heard = {call: [] for call in calls}
    begin = time.monotonic()
    for frame in range(int(seconds * RATE / FRAME)):
        for call in senders:
            header = struct.pack("!BBHII", 0x80, 8, call.sequence & 0xFFFF, call.sequence * FRAME & 0xFFFFFFFF, 7)
            call.rtp.sendto(header + TONE, call.media)
            call.sequence += 1
        while (left := begin + (frame + 1) * FRAME / RATE - time.monotonic()) > 0:
            for socket_ in select.select([call.rtp for call in calls], [], [], left)[0]:
                packet = socket_.recvfrom(2048)[0]
                call = next(call for call in calls if call.rtp is socket_)
                heard[call] += [LINEAR[octet] for octet in packet[12:]] if packet[1] & 0x7F == 8 else []
    return [heard[call] for call in calls]
