"""Cases with several signalling shards: the same as with one, on the same figures. SIPp sends everything to the one port that
it was given, so that most messages inside a dialog are strays, which the shards pass to each other."""

import cases_calls
import cases_control
import cases_register
import cases_supervision
from harness import check, free_port, wait_until


def on_shards(case, shards):
    """The case with so many shards."""

    def run(bench):
        bench.shards = shards
        case(bench)

    run.__name__ = f"{case.__name__}_on_{shards}_shards"
    run.__doc__ = case.__doc__
    return run


def a_shards_taken_port_is_an_error(bench):
    """Each shard beyond the first has the next port; one that somebody holds is named."""
    from sip import Peer

    engine = bench.engine(cases_calls.CALLERS + cases_calls.queue("main", 800), shards=2)
    with Peer(engine.sip + 1) as peer:
        check(peer.ping() == 200, "the second shard answers at the next port")
    done = bench.serve(engine.path.read_text().replace(f":{engine.http}", f":{free_port()}"), "--shards", "2")
    check(done.returncode == 1 and str(engine.sip) in done.stderr, f"{done}")
    wait_until(lambda: engine.metrics(), "it serves on")
    check(engine.stop() == 0, "it drains")


CASES = [
    on_shards(cases_calls.two_thousand_calls_all_connect, 2),
    on_shards(cases_calls.two_thousand_calls_all_connect, 3),
    on_shards(cases_calls.callers_hang_up_at_every_stage, 3),
    on_shards(cases_calls.a_dead_neighbour_is_not_its_agents_fault, 2),
    on_shards(cases_control.reload_under_load, 2),
    on_shards(cases_control.sigterm_drains, 2),
    on_shards(cases_control.the_control_plane_acts, 2),
    on_shards(cases_supervision.a_supervisor_forces_states_that_end_by_themselves, 2),
    on_shards(cases_register.a_phone_registers_by_digest_and_is_called, 2),
    a_shards_taken_port_is_an_error,
]
