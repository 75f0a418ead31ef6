"""Cases about the terminal board: in a terminal of its own, with keys, signals, without colours, and without a terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

from cases_calls import CALLERS, phones, queue
from harness import HOST, check, free_port, wait_until

LEAVE = b"\x1b[?1049l"
SEQUENCE = re.compile("(\x1b\\[[0-9;?]*[A-Za-z])")
MOVE = re.compile("\x1b\\[([0-9]*);?([0-9]*)H")
COLOURS = re.compile(rb"\x1b\[[0-9;]*\b(?:3[0-7]|38;5;[0-9]+|9[0-7])\b[0-9;]*m")


class Board:
    """`strowger top` in a terminal of 80 columns and 24 lines."""

    def __init__(self, bench, engine, *arguments, **environment):
        self.fd, inner = pty.openpty()
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(inner)
        self.inner, self.output = inner, b""
        command = [str(bench.binary), "top", "--url", f"http://{HOST}:{engine.http}", "--interval", "200ms", *arguments]
        clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "LC_ALL", "LC_MESSAGES")}
        environment = clean | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | environment
        self.child = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)

    def sees(self, text, seconds=10):
        """Waits until a text stands on the screen."""
        wait_until(lambda: text in self.screen(), f"the board shows {text}", seconds)

    def screen(self):
        """What stands on the screen: the text that was sent, at the places that it was sent to."""
        lines, row, column = {}, 0, 0
        for part in SEQUENCE.split(self.read().decode(errors="replace")):
            move = MOVE.fullmatch(part)
            if move:
                row, column = int(move[1] or 1), int(move[2] or 1)
            elif part == "\x1b[2J":
                lines = {}
            elif not part.startswith("\x1b"):
                for letter in part:
                    lines.setdefault(row, {})[column] = letter
                    column += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        width = range(1, 81)
        return "\n".join(re.sub(" +", " ", "".join(lines[row].get(x, " ") for x in width)) for row in sorted(lines))

    def read(self):
        """All that was sent so far."""
        while select.select([self.fd], [], [], 0)[0]:
            self.output += os.read(self.fd, 65536)
        return self.output

    def press(self, keys):
        """Types."""
        os.write(self.fd, keys.encode())

    def left(self, seconds=10):
        """Waits for the end: the exit code; the terminal must be as it was before."""
        deadline = time.monotonic() + seconds
        while self.child.poll() is None and time.monotonic() < deadline:
            self.read()
            time.sleep(0.02)
        check(self.child.poll() is not None, "the board ends")
        check(LEAVE in self.read(), "the screen is given back")
        check(termios.tcgetattr(self.inner) == self.before, "the terminal is as it was")
        return self.child.returncode

    def close(self):
        """Ends it."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        os.close(self.fd)
        os.close(self.inner)


def engine_of(bench):
    """An engine with two queues and an agent."""
    config = CALLERS + phones("phones", free_port()) + queue("main", 800) + queue("second", 801)
    return bench.engine(config + '[agents.1001]\npeer = "phones"\nskills = ["main"]\n', "warn")


def the_board_takes_keys_and_gives_the_terminal_back(bench):
    """Lists, help, filter and quit; SIGINT and SIGTERM; colours only where they are wanted."""
    engine = engine_of(bench)
    board = Board(bench, engine)
    board.sees("second")
    for keys, text in [("\t", "1001"), ("\t", "TEAM AGENTS"), ("h", "reverse the order"), ("x\t", "QUEUE WAIT")]:
        board.press(keys)
        board.sees(text)
    board.press("/sec")
    board.sees("filter: sec")
    board.press("\r")
    board.sees("1-1 of 1")
    check(COLOURS.search(board.read()), "colours")
    board.press("q")
    check(board.left() == 0, "q leaves")
    board.close()
    for number in (signal.SIGINT, signal.SIGTERM):
        board = Board(bench, engine, NO_COLOR="1", LANG="zh_CN.UTF-8")
        wait_until(lambda: "队" in board.screen(), "Chinese titles")
        check(not COLOURS.search(board.read()), "no colours")
        board.child.send_signal(number)
        check(board.left() == 0, f"{number!r} leaves")
        board.close()


def the_board_outlives_the_engine(bench):
    """A lost connection is shown, and when the engine is back it goes on; at the start it is an error."""
    engine = engine_of(bench)
    board = Board(bench, engine)
    board.sees("second")
    engine.signal(signal.SIGSTOP)
    board.sees("CONNECTION LOST", 20)
    engine.signal(signal.SIGCONT)
    wait_until(lambda: "CONNECTION" not in board.screen(), "it goes on")
    engine.kill()
    board.sees("CONNECTION LOST", 20)
    board.press("q")
    check(board.left() == 0, "it can be left")
    board.close()
    words = [str(bench.binary), "top", "--once", "--url", f"http://{HOST}:{engine.http}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    check(done.returncode == 1 and "is the engine running?" in done.stderr and not done.stdout, f"{done}")


def without_a_terminal_the_board_is_printed_once(bench):
    """As text, for people and for programs."""
    engine = engine_of(bench)
    words = [str(bench.binary), "top", "--url", f"http://{HOST}:{engine.http}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    check(done.returncode == 0 and "main" in done.stdout and "\x1b" not in done.stdout, f"{done}")
    done = subprocess.run([*words, "--once", "--lang", "zh", "--show", "agents"], capture_output=True, text=True, timeout=20)
    check("坐席" in done.stdout and "1001" in done.stdout, f"{done}")
    today = next(row for row in engine.json("/v1/queues")["queues"] if row["name"] == "main")["today"]
    check(today["offered"] == 0 and today["service_level"] is None, f"{today}")


CASES = [
    the_board_takes_keys_and_gives_the_terminal_back,
    the_board_outlives_the_engine,
    without_a_terminal_the_board_is_printed_once,
]
