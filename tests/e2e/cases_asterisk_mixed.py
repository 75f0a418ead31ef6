"""All kinds of calls at once beside a real Asterisk. Callers from outside (SIPp) wait, talk and give up; ten phones answer, refuse,
let it ring, hold, hand their callers on by the PBX and by Strowger, and dial codes. Afterwards nobody is stuck, nothing is left on
either side, and what Strowger has counted is what Asterisk's records say, and what the people did."""

import itertools
import threading
import time

from asterisk import PBX, TRUNK, beside_asterisk
from harness import Failure, check, wait_until
from people import Gone, Person, Tally, leave
from phone import Phone

SECONDS, LONG_SECONDS = 120, 900
# 1010 is logged out: its phone is a colleague's, who is no agent just then. The other number is outside.
COLLEAGUE, OUTSIDE = "1010", "4420"
AGENTS = [str(name) for name in range(1001, 1010)]
# How a caller is called who does not leave before he is hung up on: with him agents do their jobs.
STAYING = "staying"
# A word before anybody hangs up.
WORD = 0.3


class Team:
    """The people, and what they share."""

    def __init__(self, site):
        self.site, self.tally = site, Tally()
        # One caller at a time is handed on to each, so that it is known who hangs up.
        self.colleague_line, self.outside_line = threading.Lock(), threading.Lock()
        self.colleague = self.hire(COLLEAGUE, listens)
        phone = Phone(OUTSIDE, TRUNK, port=5062, answers=False)
        site.open_phones.append(phone)
        self.outside = Person(phone, self.tally, listens)
        support, sales = (itertools.cycle(jobs) for jobs in (SUPPORT_JOBS, SALES_JOBS))
        # A phone in sales is slower than the callers of 801 who give up.
        self.agents = [self.hire(name, self.works(support, after)) for name, after in (("1001", 0.3), ("1002", 0.1), ("1003", 0.6))]
        self.agents += [self.hire("1004", self.works(support, 0.2, patience=1.1)), self.hire("1005", refuses)]
        self.agents += [self.hire(name, self.works(sales, 1.2)) for name in ("1006", "1008", "1009")]
        self.codes = threading.Thread(target=self._come_and_go, args=(self.agents[-1],), daemon=True)
        self.agents += [self.hire("1007", self.is_deaf)]
        self.is_over = threading.Event()
        self.codes.start()

    def hire(self, name, way):
        """Somebody at this phone."""
        return Person(self.site.phone(name, answers=False), self.tally, way)

    def works(self, jobs, after, patience=60.0):
        """An agent who answers after so long: with callers who stay it does the next job, with others it talks until they go, or
        its patience ends."""

        def way(person, call):
            person.answer(call, after)
            if STAYING not in call.remote:
                return person.pass_time(call, patience)
            job = next(jobs)
            begin = time.monotonic()
            try:
                job(self, person, call)
            except Gone:
                raise Failure(f"{job.__name__}: the caller is gone after {time.monotonic() - begin:.1f} s") from None
            except Failure as failure:
                raise Failure(f"{job.__name__}: {failure}") from None
            self.tally.add(job.__name__)

        return way

    def is_deaf(self, person, call):
        """Lets it ring; who has let it ring for the whole time is not ready, and says by a code that it is."""
        begin = time.monotonic()
        person.stay(call, 40)
        if time.monotonic() - begin > 14:
            self.tally.add("rings out")
            wait_until(lambda: self.site.state(person.name) == "not_ready no-answer", f"{person.name} is not ready")
            self.dial(person, "*47")

    def dial(self, person, code):
        """Dials a code."""
        person.dial(self.site, code)
        self.tally.add("codes")

    def _come_and_go(self, person):
        """Not ready and ready, out and in, between two calls or in the middle of one that begins."""
        try:
            for away, back in itertools.cycle([("*48", "*47"), ("*46", "*45")]):
                if self.is_over.wait(6):
                    return
                if not person.phone.live():
                    self.dial(person, away)
                    self.is_over.wait(1)
                    self.dial(person, back)
        except Exception as error:  # a thread's own exception is lost otherwise
            person.failures.append(f"codes of {person.name}: {error!r}")

    def leave(self):
        """All go."""
        self.is_over.set()
        self.codes.join()
        leave([*self.agents, self.colleague, self.outside])

    def is_handed_on(self, id):
        """Waits until the agent has no part in the call any more, which goes on."""
        wait_until(lambda: "agent" not in self.site.calls()[id], "the agent is free, the caller is not gone")

    def part(self, other):
        """Whoever has been handed a caller hangs up after a word."""
        call = other.phone.talk()
        time.sleep(WORD)
        check(not call.has_ended, f"{other.name} has the caller")
        call.hang_up()


def listens(person, call):
    """Answers at once, and stays."""
    call.answer()
    person.stay(call)


def refuses(person, call):
    """Is busy."""
    call.refuse(486)


def has_a_word(_team, person, call):
    """Talks and hangs up."""
    person.pass_time(call, 1.0)


def holds(_team, person, call):
    """Holds and resumes."""
    call.change("sendonly")
    person.pass_time(call, 0.5)
    call.change("sendrecv")
    person.pass_time(call, WORD)


def transfers_by_the_pbx(team, person, call):
    """REFER to Asterisk, blindly."""
    id = team.site.call_of(person.name)
    with team.colleague_line:
        call.refer(f"sip:{COLLEAGUE}@{PBX[0]}")
        wait_until(lambda: call.news[-1:] == [200], "NOTIFY tells it")
        call.hang_up()
        team.is_handed_on(id)
        team.part(team.colleague)


def asks_first_by_the_pbx(team, person, call):
    """REFER to Asterisk after a word with the colleague."""
    id = team.site.call_of(person.name)
    with team.colleague_line:
        call.change("sendonly")
        word = team.site.dial(person.phone, COLLEAGUE)
        time.sleep(WORD)
        call.refer(f"sip:{COLLEAGUE}@{PBX[0]}", replaces=word)
        wait_until(lambda: call.news[-1:] == [200], "NOTIFY tells it")
        for own in (call, word):
            own.hang_up()
        word.rtp.close()
        team.is_handed_on(id)
        team.part(team.colleague)


def transfers_by_keys(team, person, call):
    """The caller goes outside."""
    with team.outside_line:
        call.press(f"*3{OUTSIDE}#")
        person.stay(call, 10)
        team.part(team.outside)


def transfers_by_the_control_plane(team, person, call):
    """The same, clicked."""
    with team.outside_line:
        team.site.ask(team.site.call_of(person.name), action="transfer", to=f"number:{OUTSIDE}")
        person.stay(call, 10)
        team.part(team.outside)


def consults(team, person, call):
    """A word with somebody outside, by keys."""
    id = team.site.call_of(person.name)
    call.press(f"*2{OUTSIDE}#")
    wait_until(lambda: team.site.calls()[id].get("transfer", "").endswith("talks"), "a word")


def asks_first_by_keys(team, person, call):
    """The caller goes outside after a word."""
    with team.outside_line:
        consults(team, person, call)
        call.press("*4")
        person.stay(call, 10)
        team.part(team.outside)


def thinks_better_of_it(team, person, call):
    """Back to the caller after a word with somebody outside."""
    with team.outside_line:
        consults(team, person, call)
        other = team.outside.phone.talk()
        call.press("*1")
        wait_until(lambda: other.has_ended, "the other is let go")
    person.pass_time(call, WORD)


def transfers_to_the_other_queue(team, person, call):
    """From sales to support."""
    team.site.ask(team.site.call_of(person.name), action="transfer", to="queue:support")
    person.stay(call, 10)


BOTH_JOBS = [holds, transfers_by_the_pbx, transfers_by_keys, asks_first_by_the_pbx]
SUPPORT_JOBS = [*BOTH_JOBS, transfers_by_the_control_plane, thinks_better_of_it, has_a_word, asks_first_by_keys]
SALES_JOBS = [transfers_to_the_other_queue, *BOTH_JOBS]


def callers(site, seconds):
    """All who call from outside within this time, each with a name of its own."""

    def every(milliseconds, who, scenario, number, patience=4000, count=None, **options):
        # SIPp itself would wait with the next call while the last one goes on.
        options |= {"r": 1, "rp": milliseconds, "m": count or seconds * 1000 // milliseconds, "l": 1000}
        texts = [("caller[call_number]", f"{who}[call_number]"), ('"4000"', f'"{patience}"')]
        return site.caller(scenario, number, replace=texts, **options)

    return [
        # More than there are agents for: some give up after a while.
        every(100, "crowd", "caller_either", "800", patience=7000, count=15),
        every(4000, f"{STAYING}-a", "caller_stays", "800"),
        every(12000, f"{STAYING}-b", "caller_stays", "801"),
        every(2000, "patient-a", "caller_either", "800"),
        every(4000, "hasty-a", "caller_either", "800", patience=1500),
        # Who rings until he is answered does not give up, and gets no more calls than the agents can take.
        every(8000, "patient-b", "caller_either", "801"),
        every(16000, "hasty-b", "caller_either", "801", patience=1500),
        every(2000, "leaving", "caller_cancels", "801", d=250),
    ]


@beside_asterisk
def asterisk_mixed_calls(site):
    """All kinds of callers and phones at once for two minutes (15 in the long form): see the module."""
    site.only(AGENTS)
    team = Team(site)
    seconds = LONG_SECONDS if site.bench.is_long else SECONDS
    begin = time.monotonic()
    for caller in callers(site, seconds):
        counts = caller.wait(seconds + 90 - (time.monotonic() - begin))
        check(counts["failed"] == 0, f"{counts} {caller.errors()} {team.tally}")
    team.leave()
    # Not each that was hung up on at once had crossed: one in a minute is much.
    crossings = min(team.tally["crossed"], seconds // 60)
    site.settle(30, crossings=crossings)
    agree_with_people(site, team.tally, crossings)
    check(site.engine.stop() == 0, "it drains: no leg is left")


def agree_with_people(site, tally, crossings):
    """Holds the counts of Strowger and the records of Asterisk against what the people did."""
    never = [job.__name__ for job in {*SUPPORT_JOBS, *SALES_JOBS} if tally[job.__name__] == 0]
    check(not never and tally["rings out"] and tally["codes"] >= 4, f"never done: {never} {tally}")
    outside = sum(tally[job.__name__] for job in (transfers_by_keys, transfers_by_the_control_plane, asks_first_by_keys))
    by_the_pbx = tally["transfers_by_the_pbx"] + tally["asks_first_by_the_pbx"]
    expected = {
        # What the PBX does by itself counts as blind.
        ("blind", "number", "completed"): outside - tally["asks_first_by_keys"] + by_the_pbx,
        ("consult", "number", "completed"): tally["asks_first_by_keys"],
        ("consult", "number", "cancelled"): tally["thinks_better_of_it"],
        ("blind", "queue", "completed"): tally["transfers_to_the_other_queue"],
    }
    found = transfers(site.engine)
    check(found == expected, f"transfers: Strowger counts {found}, the agents {expected}")
    records = site.pbx.records()
    ours = [record for record in records if record.channel.startswith("PJSIP/strowger-") and record.disposition == "ANSWERED"]
    counts = {
        "outside": (outside + tally["thinks_better_of_it"], sum(record.destination == f"9{OUTSIDE}" for record in ours)),
        "by the PBX": (by_the_pbx, sum(record.far_channel.startswith(f"PJSIP/{COLLEAGUE}-") for record in ours)),
        "codes": (tally["codes"], sum(record.destination.startswith("*4") for record in records)),
        "rung out": (tally["rings out"], site.engine.metric("acd_offers_total", result="timed_out")),
        "visits to sales": (
            sum(record.far_channel.startswith("PJSIP/strowger-") and record.destination == "801" for record in records),
            site.engine.queue("sales")["offered"],
        ),
        "visits to support": (
            sum(record.far_channel.startswith("PJSIP/strowger-") and record.destination == "800" for record in records)
            + tally["transfers_to_the_other_queue"],
            site.engine.queue("support")["offered"],
        ),
    }
    check(all(done == counted for done, counted in counts.values()), f"done and counted: {counts}")
    for queue, number in (("support", "800"), ("sales", "801")):
        come = {record.source for record in records if record.channel.startswith("PJSIP/trunk-") and record.destination == number}
        served = len(come & {record.source for record in ours})
        reached = site.engine.metric("acd_contacts_served_total", queue=queue)
        lost = site.engine.metric("acd_contacts_lost_total", queue=queue)
        check(reached + lost == len(come), f"{queue}: {len(come)} came, {reached:g} reached an agent, {lost:g} were lost")
        check(0 <= served - reached <= crossings, f"{queue}: {reached:g} reached an agent, by Asterisk's records {served}")
    waited = site.engine.metric("acd_contacts_lost_total", queue="support", cause="caller_in_queue")
    check(waited > 0, "some gave up after a while")
    accepted = site.engine.metric("acd_offers_total", result="accepted")
    check(0 <= tally["answered"] - accepted <= crossings, f"{accepted:g} offers were accepted: {tally}")
    held = site.engine.metric("acd_agent_state_seconds_total", state="hold")
    check(held >= 0.4 * tally["holds"], f"held for {held:g} s in {tally['holds']} talks")


def transfers(engine):
    """How many transfers have ended, by kind, target and outcome."""
    found = {}
    for name, value in engine.metrics().items():
        if name.startswith("acd_transfers_total{") and value:
            labels = dict(label.split("=") for label in name[name.index("{") + 1:-1].split(","))
            key = tuple(labels[label].strip('"') for label in ("kind", "target", "outcome"))
            found[key] = found.get(key, 0) + value
    return found


BESIDE = [asterisk_mixed_calls]
CASES = []
