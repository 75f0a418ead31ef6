"""The budgets of a load run: DESIGN, section 6."""

KIB, MIB = 1024, 1024 * 1024
# Beyond capacity the engine keeps its memory; so much is enough for the calls of the load and its buffers.
RSS_OVERLOAD_MAX = 256 * MIB
# A run this long shows whether anything grows: its third tenth begins after the first transactions have ended (32 s).
SOAK_SECONDS = 300


def faults(result):
    """What a result breaks, one line each."""
    found = []

    def at_most(key, limit):
        value = result.get(key)
        if value is not None and value > limit:
            found.append(f"{key} {value:g} > {limit:g}")

    def at_least(key, limit):
        value = result.get(key)
        if value is None or value < limit:
            found.append(f"{key} {value if value is None else format(value, 'g')} < {limit:g}")

    if result["overload"]:
        if result["overload_reached"] < result["overload"] * 0.9:
            found.append(f"the generator reached only {result['overload_reached']:g} times capacity: no verdict")
        at_least("goodput_percent", 90 if result["overload"] <= 3 else 65)
        at_most("setup_p99_ms", 200)
        at_most("rss_bytes", RSS_OVERLOAD_MAX)
        return found
    at_least("ok_percent", 100)
    if result["music"] or result["relay"]:
        at_most("music_lost", 0)
        # An engine that falls behind loses nothing, and sends less than 50 packets a second.
        if result["music"]:
            at_least("music_percent", 99)
        at_most("relay_lost", 0)
        if not result["relay"]:
            at_most("cpu_us_per_packet", 4.5)
        elif not result["music"]:
            at_most("cpu_us_per_packet", 8)
        if result["music"] <= 2000:
            at_most("music_late_p99_ms", 5)
    else:
        # The budget is set beside SIPp, whose calls come a batch at a time; at lower rates each message costs a wake-up.
        if result["generator"] == "sipp":
            at_most("cpu_us_per_call", 120 if result["rate"] >= 2000 else 200)
        at_most("waiting_costs_percent", 5)
        at_most("waiting_bytes_each", 4 * KIB)
    if result["generator"] == "own":
        at_least("background_kept", 1)
        if result["rate"] <= 1000 and not result["music"] and not result["relay"]:
            at_most("setup_p99_ms", 5)
    if result["seconds"] >= SOAK_SECONDS:
        at_most("rss_growth_bytes", MIB)
    return found
