"""Cases about SIP over TLS: calls of SIPp through bridges, certificates as trust, names, reload, and who is no good."""

import contextlib
import hashlib
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import wave

from cases_calls import CALLERS, ON_AGENT, agents, expect_all_ok, phones, queue
from harness import HOST, Failure, check, free_port, free_ports, start, wait_until
from heard import Ears, share_of_tone
from tls import Answers, Authority, Bridge, Line, client, refused, server

# The scenarios say UDP.
TRANSPORT = ("SIP/2.0/UDP", "SIP/2.0/[transport]")
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"


class Scene:
    """A CA, the engine's certificate, and the lines of `[sip]` that name them."""

    def __init__(self, bench):
        self.bench = bench
        self.ca = Authority(bench.folder)
        self.own = self.ca.issue("engine", "localhost", "acd.example", "127.0.0.1")
        self.port = free_port()

    def sip(self, extra=""):
        """`[sip]`'s lines."""
        certificate, key = self.own
        return f'tls = "{HOST}:{self.port}"\ntls_certificate = "{certificate}"\ntls_key = "{key}"\ntls_ca = "{self.ca.pem}"\n{extra}\n'

    def line(self, own=None):
        """A connection to the engine."""
        return Line(self.port, client(self.ca, own))


def calls_by_tls_on_both_sides(bench):
    """25 a second by one connection to agents behind a peer by TLS that asks for our certificate; with one shard and with two."""
    scene = Scene(bench)
    phone_name = scene.ca.issue("phones", "phones.example")
    count = bench.calls(100)
    agent = bench.sipp("agent", d=0, t="t1", replace=TRANSPORT)
    far = Bridge(agent.port, outside=server(phone_name, clients=scene.ca))
    near = Bridge(scene.port, inside=client(scene.ca))
    peer = phones("phones", far.port, 'transport = "tls"\ntls_server_name = "phones.example"')
    config = scene.sip() + CALLERS + peer + queue("main", 800, ON_AGENT) + agents("1001-1050", "phones", "main")
    for shards in (1, 2):
        engine = bench.engine(config, "warn", shards=shards)
        caller = bench.sipp("caller", near.port, s="800", d=150, r=25, m=count, t="t1", replace=TRANSPORT)
        expect_all_ok(caller, caller.wait(count / 25 + 40), count)
        engine.settle()
        check(engine.queue("main")["answered"] == count, "every call is answered")
        done = [engine.metric("acd_tls_handshakes_total", direction=way, result="done") for way in ("in", "out")]
        check(done == [1, 1], f"one connection each way: {done}")
        check(engine.stop() == 0, "it drains")
    far.close()
    near.close()


def a_certificate_says_whose_call_it_is(bench):
    """Without a certificate, or with one of another CA, nobody gets through the handshake; a good one of an unknown name is no
    peer; one that a peer has is that peer, whatever its address."""
    scene = Scene(bench)
    strangers = Authority(bench.folder, "strangers")
    trunk = scene.ca.issue("trunk", "trunk.example")
    other = scene.ca.issue("other", "other.example")
    forged = strangers.issue("forged", "trunk.example")
    peer = '[peers.trunk]\naddress = "192.0.2.9:5061"\nqualify = "0s"\ntls_client_names = ["trunk.example"]\n'
    ask = f'tls_client_ca = "{scene.ca.pem}"\n'
    engine = bench.engine(scene.sip(ask) + peer + queue("main", 800))
    for own in (None, forged):
        check(refused(scene.port, client(scene.ca, own)), "no way through")
    check(engine.metric("acd_tls_handshakes_total", direction="in", result="failed") == 2, "both are counted")
    with scene.line(other) as line:
        line.request("INVITE", body=OFFER)
        check(line.final()[0] == 403, "a good certificate of no peer")
    with scene.line(trunk) as line:
        line.request("INVITE", body=OFFER, scheme="sips")
        status, answer = line.final()
        check(status == 200, answer)
        check(f"Contact: <sips:strowger@{HOST}:{scene.port}>" in answer, answer)
    check(engine.metric("acd_trunk_contacts_offered_total", trunk="trunk") == 1, "it is counted for that trunk")
    # Its address alone proves nothing, and who is asked for a certificate but need not have one is a stranger.
    engine.write(scene.sip(ask + "require_client_certificate = false") + peer + queue("main", 800))
    engine.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in engine.log_text(), "the reload")
    with scene.line() as line:
        line.request("INVITE", body=OFFER)
        check(line.final()[0] == 403, "no certificate, no peer")


def a_peer_by_tls_calls_by_tls_alone(bench):
    """A peer whose transport is TLS is believed over TLS, and not when a datagram has its address."""
    from sip import Peer

    scene = Scene(bench)
    peer = CALLERS.replace('address = "127.0.0.1:1"', 'address = "127.0.0.1:1"\ntransport = "tls"')
    engine = bench.engine(scene.sip() + peer + queue("main", 800))
    with scene.line() as line:
        line.request("INVITE", body=OFFER)
        status, answer = line.final()
        check(status == 200 and f"@{HOST}:{scene.port};transport=tls>" in answer, answer)
    with Peer(engine.sip) as datagrams:
        call = datagrams.request("INVITE", "800", body=OFFER, extra="Content-Type: application/sdp\r\n")
        status = lambda: engine.metric("acd_calls_refused_total", cause="untrusted")
        wait_until(lambda: status() == 1, f"{call} is refused")


def a_peer_must_be_who_it_says(bench):
    """A server with a certificate of another name, of another CA, or none is down, and the log says why, once; with the right one it
    is up again by itself."""
    scene = Scene(bench)
    good, wrong = scene.ca.issue("good", "phones.example"), scene.ca.issue("wrong", "wrong.example")
    forged = Authority(bench.folder, "strangers").issue("forged", "phones.example")
    far = Answers(server(wrong))
    peer = phones("phones", far.port, 'transport = "tls"\ntls_server_name = "phones.example"', qualify="1s")
    engine = bench.engine(scene.sip() + CALLERS + peer + queue("main", 800, ON_AGENT) + agents("1001", "phones", "main"))
    is_up = lambda: engine.metric("acd_peer_up", peer="phones")
    said = lambda why: len(re.findall(f"no TLS with a peer.*{why}", engine.log_text()))
    failed = lambda: engine.metric("acd_tls_handshakes_total", direction="out", result="failed")
    wait_until(lambda: is_up() == 0 and failed() >= 3, "the wrong name is refused again and again", 15)
    check(said("NotValidForName|not valid for name") == 1, engine.log_text())
    far.context = server(forged)
    wait_until(lambda: said("UnknownIssuer") == 1, "the wrong CA is refused", 10)
    far.context = server(good)
    wait_until(lambda: is_up() == 1, "the right one is up", 10)


def certificates_change_with_a_reload(bench):
    """New connections get the new certificate and old ones live on; a broken, a foreign and an expired one are refused by name."""
    scene = Scene(bench)
    certificate, key = scene.own
    first = certificate.read_bytes(), key.read_bytes()
    config = scene.sip() + CALLERS + queue("main", 800)
    engine = bench.engine(config)
    reloads = 0

    def reload(files):
        nonlocal reloads
        for path, text in zip((certificate, key), files):
            path.write_bytes(text)
        engine.signal(signal.SIGHUP)
        ends = lambda: len(re.findall("configuration reloaded|configuration refused", engine.log_text()))
        wait_until(lambda: ends() == reloads + 1, "the reload")
        reloads += 1

    def other(name, **options):
        return [path.read_bytes() for path in scene.ca.issue(name, "localhost", **options)]

    old = scene.line()
    check(old.certificate() == "engine", "the first one")
    second = other("second", key="rsa")
    reload(second)
    with scene.line() as line:
        check(line.certificate() == "second", f"the new one: {line.certificate()}")
    refusals = {
        "holds no certificate": (b"no PEM", second[1]),
        "is not the key of the certificate": (second[0], first[1]),
        "holds no private key": (second[0], b""),
        "expired": other("expired", days=-1),
    }
    for why, files in refusals.items():
        reload(files)
        line_number = 6 if why in ("holds no certificate", "expired") else 7
        check(re.search(rf"strowger\.toml:{line_number}: sip\.tls_\w+: .*{why}", engine.log_text()), f"{why}: {engine.log_text()}")
        with scene.line() as line:
            check(line.certificate() == "second", f"{why}: the one before stays")
    reload(first)
    with scene.line() as line:
        check(line.certificate() == "engine", "and back")
    old.request("OPTIONS")
    check(old.final()[0] == 200, "the oldest connection has outlived them all")


def check_says_what_is_wrong_with_certificates(bench):
    """`strowger check` names file, line and key of each that is missing, foreign, broken or expired, and what a good one says."""
    scene = Scene(bench)
    certificate, key = scene.own
    folder = bench.folder

    def says(certificate, key, more=""):
        text = f'[sip]\nlisten = "127.0.0.1:5060"\ntls = "127.0.0.1:5061"\ntls_certificate = "{certificate}"\ntls_key = "{key}"\n{more}'
        path = f"{folder}/check.toml"
        with open(path, "w") as file:
            file.write(text + CALLERS + queue("main", 800))
        done = subprocess.run([str(bench.binary), "check", "--config", path], capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    code, text = says(certificate, key)
    check(code == 0 and re.search(r"engine\.pem: of localhost, acd\.example, 127\.0\.0\.1, (29|30) days left", text), text)
    expired = scene.ca.issue("expired", "localhost", days=-1)
    short = scene.ca.issue("short", "localhost", days=3)
    for wrong, files, line in (
        ("No such file", (f"{folder}/none.pem", key), "4: sip.tls_certificate"),
        ("is not the key of the certificate", (certificate, expired[1]), "5: sip.tls_key"),
        ("holds no private key", (certificate, certificate), "5: sip.tls_key"),
        ("expired 1 days ago", expired, "4: sip.tls_certificate"),
        ("Is a directory", (certificate, folder), "5: sip.tls_key"),
    ):
        code, text = says(*files)
        check(code == 2 and wrong in text and f"check.toml:{line}: " in text, f"{wrong}: {code} {text}")
    code, text = says(certificate, key, f'tls_client_ca = "{folder}/none.pem"\ntls_ca = "{key}"\n')
    check(code == 2 and "6: sip.tls_client_ca" in text and "7: sip.tls_ca: " in text, text)
    code, text = says(*short)
    check(code == 0 and re.search("warning: .*ends in [23] days", text), text)


def who_is_no_good_at_the_tls_port(bench):
    """Whoever speaks no TLS, or takes his time over it, is hung up on and counted; a flood of handshakes is cut down, and those
    who are connected do not feel it."""
    scene = Scene(bench)
    peer = CALLERS.replace('sources = ["127.0.0.1"]', 'sources = ["127.0.0.1"]').replace("127.0.0.1:1", "192.0.2.1:1")
    engine = bench.engine(scene.sip() + peer + queue("main", 800))
    count = lambda result: engine.metric("acd_tls_handshakes_total", direction="in", result=result)
    plain = lambda: socket.create_connection((HOST, scene.port), 5)
    with scene.line() as line, plain() as slow:
        for garbage in (b"OPTIONS sip:a SIP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 20):
            with plain() as other, contextlib.suppress(ConnectionError):
                other.sendall(garbage)
                while other.recv(1000):
                    pass
        check(count("failed") == 3, f"{count('failed'):g} have failed")
        slow.sendall(b"\x16\x03\x01\x02")
        begin = time.monotonic()
        slow.settimeout(10)
        check(slow.recv(10) == b"" and time.monotonic() - begin < 8, "who is slow is hung up on")
        wait_until(lambda: count("late") == 1, "and counted")
        held = [plain() for _ in range(300)]
        wait_until(lambda: count("refused") >= 100, f"most are refused")
        begin = time.monotonic()
        line.request("OPTIONS")
        check(line.final()[0] == 200, "who is connected is answered")
        check(time.monotonic() - begin < 2, "at once")
        for one in held:
            one.close()
        line.request("OPTIONS")
        check(line.final()[0] == 200, "and afterwards")
    wait_until(lambda: accepts(scene), "others come in again")


def accepts(scene):
    with contextlib.suppress(OSError, ssl.SSLError), scene.line() as line:
        line.request("OPTIONS")
        return line.final()[0] == 200
    return False


def a_phone_registers_by_tls(bench):
    """Its calls come by the connection that it has registered by, whatever its Contact says; with the connection it is gone."""
    scene = Scene(bench)
    phone = '[agents."1001"]\nregister = true\npassword = "right"\nskills = ["main"]\n'
    registrar = '[registrar]\nkeep_alive = "0s"\nalgorithms = ["MD5"]\n'
    config = scene.sip() + CALLERS + registrar + queue("main", 800, ON_AGENT) + phone
    for shards in (1, 3):
        engine = bench.engine(config, shards=shards)
        state = lambda: engine.agents()["1001"]["state"]
        line = scene.line()
        line.request("REGISTER", "1001")
        status, challenge = line.final()
        check(status == 401, challenge)
        line.request("REGISTER", "1001", f"Authorization: {digest(challenge)}\r\n", number=2)
        check(line.final()[0] == 200, "registered")
        wait_until(lambda: state() == "ready", "1001 is ready")
        for _ in range(4):
            caller = bench.sipp("caller_stays", engine.sip, s="800", m=1)
            invite = line.message()
            check(invite.startswith("INVITE ") and "Via: SIP/2.0/TLS " in invite, invite)
            kept = [text for text in invite.split("\r\n\r\n")[0].split("\r\n") if re.match("Via|From|To|Call-ID|CSeq", text)]
            busy = "\r\n".join(["SIP/2.0 486 Busy Here", *(text + ";tag=b" if text.startswith("To") else text for text in kept)])
            line.socket.sendall(f"{busy}\r\nContent-Length: 0\r\n\r\n".encode())
            check(line.message().startswith("ACK "), "it is acknowledged there")
            caller.kill()
            engine.request("/v1/agents/1001/state", {"state": "ready"})
        line.socket.close()
        wait_until(lambda: state() == "unreachable", "with its connection it is gone")
        engine.kill()


def baresip_registers_and_talks_by_tls(bench):
    """A soft phone of others registers by TLS, with a check of our certificate, is rung by its connection and answers; a caller
    hangs up on it; when it ends it is gone."""
    scene = Scene(bench)
    phone = '[agents."1001"]\nregister = true\npassword = "right"\nskills = ["main"]\n'
    # It gives up where SHA-256 is asked for, even beside MD5.
    registrar = '[registrar]\nalgorithms = ["MD5"]\n'
    engine = bench.engine(scene.sip() + CALLERS + registrar + queue("main", 800, ON_AGENT) + phone)
    state = lambda: engine.agents()["1001"]["state"]
    with baresip(bench, scene):
        wait_until(lambda: state() == "ready", "1001 is ready")
        # One after the other: of two messages in one segment it reads the second only when more comes.
        for _ in range(2):
            caller = bench.sipp("caller", engine.sip, s="800", d=1000, m=1)
            expect_all_ok(caller, caller.wait(20), 1)
            engine.settle()
            wait_until(lambda: state() == "ready", "1001 is ready again")
        check(engine.queue("main")["answered"] == 2, "both by the agent")
    wait_until(lambda: state() == "unreachable", "it is gone")


def baresip_speaks_srtp(bench):
    """It registers by TLS and takes encrypted audio alone: what it hears it sends back, and the caller, who speaks in the clear, hears
    itself. No packet is dropped, and no key is in the log."""
    scene = Scene(bench)
    phone = '[agents."1001"]\nregister = true\npassword = "right"\nskills = ["main"]\nsrtp = "required"\n'
    registrar = '[registrar]\nalgorithms = ["MD5"]\n'
    config = scene.sip() + CALLERS + registrar + queue("main", 800, ON_AGENT + '\nmedia = "anchor"') + phone
    engine = bench.engine(config)
    state = lambda: engine.agents()["1001"]["state"]
    with baresip(bench, scene, source="aubridge,nowhere", account=";mediaenc=srtp-mand"):
        wait_until(lambda: state() == "ready", "1001 is ready")
        for _ in range(2):
            caller = Ears(HOST, (HOST, engine.sip), "800")
            caller.listen(1.0)
            echo = caller.listen(2.0)
            check(len(echo) > 12_000 and share_of_tone(echo) > 0.9, f"{len(echo)} samples, tone {share_of_tone(echo):.2f}")
            caller.hang_up()
            engine.settle()
            wait_until(lambda: state() == "ready", "1001 is ready again")
    dropped = engine.metric("acd_srtp_dropped_total")
    check(dropped == 0, f"{dropped:g} packets were not authentic")
    check("crypto" not in engine.log_text() and "inline:" not in engine.log_text(), "no key in the log")


@contextlib.contextmanager
def baresip(bench, scene, source=None, account=""):
    """A soft phone that registers by TLS as 1001 and answers; `source` is what it sends, else silence."""
    folder = pathlib.Path(bench.folder) / "baresip"
    folder.mkdir()
    source = source or f"aufile,{silence(folder / 'silence.wav')}"
    # It takes the next one too, for TLS.
    port = free_ports(2)
    (folder / "config").write_text(BARESIP.format(host=HOST, port=port, ca=scene.ca.pem, names=names(), source=source))
    (folder / "accounts").write_text(
        f"<sip:1001@acd.example:{scene.port};transport=tls>;auth_user=1001;auth_pass=right;answermode=auto;regint=60{account}\n"
    )
    log = open(folder / "baresip.log", "wb")
    soft_phone = start(["baresip", "-f", str(folder), "-v"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    except Failure as failure:
        raise Failure(f"{failure}: {(folder / 'baresip.log').read_text(errors='replace')[-1500:]}") from None
    finally:
        soft_phone.terminate()
        soft_phone.wait()
        log.close()


def names():
    """The port of a name server that says of every name that it is here: baresip looks at no file of hosts."""
    served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served.bind((HOST, 0))

    def serve():
        while True:
            query, asker = served.recvfrom(4096)
            end = query.index(b"\0", 12) + 5
            is_address = query[end - 4 : end - 2] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(HOST) if is_address else b""
            counts = b"\0\1" + (b"\0\1" if is_address else b"\0\0") + b"\0\0\0\0"
            served.sendto(query[:2] + b"\x85\x80" + counts + query[12:end] + answer, asker)

    threading.Thread(target=serve, daemon=True).start()
    return served.getsockname()[1]


def silence(path):
    """A minute of it: baresip hangs up at its end."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000 * 60))
    return path


# No sound card: what it hears goes nowhere, or is what it sends.
BARESIP = """
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module srtp.so
module_app account.so
module_app menu.so
audio_source {source}
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
sip_listen {host}:{port}
sip_cafile {ca}
dns_server {host}:{names}
rtp_ports 31000-31100
net_interface {host}
"""


def digest(challenge):
    """The credentials that a 401 asks 1001 for."""
    asked = {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge.split("WWW-Authenticate")[1])}
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    secret, request = md5(f"1001:{asked['realm']}:right"), md5("REGISTER:sip:h")
    response = md5(f"{secret}:{asked['nonce']}:00000001:abc:auth:{request}")
    return (
        f'Digest username="1001", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="sip:h", qop=auth, nc=00000001, '
        f'cnonce="abc", response="{response}", algorithm=MD5'
    )


BESIDE = [a_peer_must_be_who_it_says]
CASES = [
    calls_by_tls_on_both_sides,
    a_certificate_says_whose_call_it_is,
    a_peer_by_tls_calls_by_tls_alone,
    certificates_change_with_a_reload,
    check_says_what_is_wrong_with_certificates,
    who_is_no_good_at_the_tls_port,
    a_phone_registers_by_tls,
    baresip_registers_and_talks_by_tls,
    baresip_speaks_srtp,
]
