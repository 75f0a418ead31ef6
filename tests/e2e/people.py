"""People at phones for the tests beside Asterisk: each takes the calls that ring, and does with them what its way says, in a thread
for each call. What they did is counted, and held against both sides' counts."""

import collections
import threading
import time

from harness import Failure, check, wait_until

# An answer and a CANCEL may cross: then the far end hangs up as soon as it has acknowledged.
AT_ONCE = 0.2


class Gone(Exception):
    """The far end has hung up: nothing more is to be done with the call."""


class Tally:
    """Counts of what has been done, from many threads."""

    def __init__(self):
        self._lock, self._counts = threading.Lock(), collections.Counter()

    def add(self, what):
        """One more."""
        with self._lock:
            self._counts[what] += 1

    def __getitem__(self, what):
        return self._counts[what]

    def __str__(self):
        return str(dict(self._counts))


class Person:
    """Somebody at a phone. `way(person, call)` is called for each call that rings, in a thread of its own."""

    def __init__(self, phone, tally, way):
        self.phone, self.tally, self.way = phone, tally, way
        self.name, self.failures = phone.name, []
        self._threads, self._is_leaving = [], False
        self._watch = threading.Thread(target=self._run, daemon=True)
        self._watch.start()

    def _run(self):
        seen = 0
        while not self._is_leaving:
            rung = self.phone.calls[seen:]
            seen += len(rung)
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            # Calls of its own it is busy with already.
            for call in (call for call in rung if call.respond is not None):
                self._threads.append(threading.Thread(target=self._take, args=(call,), daemon=True))
                self._threads[-1].start()
            time.sleep(0.02)

    def _take(self, call):
        try:
            self.way(self, call)
        except Gone:
            pass
        except Exception as error:  # a thread's own exception is lost otherwise
            self.failures.append(f"{self.name}: {error!r}")
        finally:
            self._leave(call)

    def _leave(self, call):
        try:
            if call.is_up:
                call.hang_up()
        except Failure as failure:
            self.failures.append(f"{self.name} hangs up: {failure}")
        call.rtp.close()

    def leave(self):
        """Goes, once no call is in hand; says what went wrong."""
        wait_until(lambda: not any(thread.is_alive() for thread in self._threads), f"{self.name} has no call in hand", 30)
        self._is_leaving = True
        self._watch.join()
        return self.failures

    def pass_time(self, call, seconds):
        """Waits; cut short when the far end hangs up."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if call.has_ended:
                raise Gone()
            time.sleep(min(left, 0.02))

    def answer(self, call, after):
        """Answers after so long."""
        self.pass_time(call, after)
        if not call.answer():
            raise Gone()
        self.tally.add("answered")
        try:
            self.pass_time(call, AT_ONCE)
        except Gone:
            self.tally.add("crossed")
            raise

    def stay(self, call, seconds=60.0):
        """Talks until the far end hangs up."""
        wait_until(lambda: call.has_ended, f"{self.name} is hung up on", seconds)

    def dial(self, site, number):
        """Calls a number, and stays until the far end hangs up."""
        call = site.dial(self.phone, number)
        try:
            self.stay(call, 10)
        finally:
            self._leave(call)


def leave(people):
    """All of them go; nothing has gone wrong with any of them."""
    failures = [failure for person in people for failure in person.leave()]
    check(not failures, f"{len(failures)} things went wrong: {failures[:5]}")
