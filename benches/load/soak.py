"""A soak: very many calls in one run, and whether memory grows."""

import argparse
import statistics

import sides

# Below this the memory counts as flat: 2 MB over a million calls.
SLOPE_MAX = 2.0
# Transactions end after 64*T1: until then memory fills up to what the rate needs.
SETTLING_SECONDS = 45
# Lines of the table.
LINES = 20


def run(binaries, options, calls, rate):
    """So many calls at a rate: the run's figures with the slope of memory over its last four fifths, and its samples.

    The slope is in bytes a call, by least squares; memory is sampled four times a second.
    """
    load = argparse.Namespace(**vars(options))
    load.rate, load.seconds, load.generator = rate, max(1, round(calls / rate)), "own"
    result = sides.one_run(binaries, load)
    samples = result.pop("resident")
    begin = samples[0][0]
    settled = begin + max(SETTLING_SECONDS, 0.2 * (samples[-1][0] - begin))
    # The last calls end before the generator does.
    late = [(at, size) for at, size in samples if settled <= at <= begin + load.seconds]
    slope = None
    if len(late) >= 40:
        slope = statistics.linear_regression([at for at, _ in late], [size for _, size in late]).slope / rate
        slope = round(slope, 3)
    result |= {"name": f"soak, {calls:,} calls at {rate:,}/s", "slope_bytes_per_call": slope, "rate": rate}
    return result, lines(samples, rate)


def lines(samples, rate):
    """The memory over the run, a line for each twentieth."""
    step = max(1, len(samples) // LINES)
    begin = samples[0][0]
    rows = [(at - begin, size) for at, size in samples[::step]]
    head = f"{'seconds':>8}{'calls':>12}{'MB resident':>14}"
    return [head] + [f"{at:8.0f}{at * rate:12,.0f}{size / 1e6:14.2f}" for at, size in rows]
