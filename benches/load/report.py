"""What a load bench shows: medians of runs, tables for the eye, and Markdown with the machine and the date."""

import datetime
import os
import pathlib
import platform
import re
import statistics

# What the tables show, by the kind of load: a key of the result and its column.
CALLS = {
    "attempts": "attempts",
    "ok_percent": "% ok",
    "cpu_us_per_call": "CPU us/call",
    "generator_cpu_us_per_call": "generators",
    "setup_p50_ms": "p50 ms",
    "setup_p99_ms": "p99 ms",
    "setup_p999_ms": "p99.9 ms",
    "bytes_each": "bytes/stay",
    "rss_bytes": "RSS bytes",
}
AUDIO = {
    "ok_percent": "% ok",
    "cpu_us_per_packet": "CPU us/packet",
    "music_percent": "% of pace",
    "music_lost": "music lost",
    "music_late_p99_ms": "late p99 ms",
    "relay_lost": "relay lost",
    "relay_delay_p99_ms": "delay p99 ms",
    "engine_cores": "cores",
}
OVERLOAD = {
    "overload_reached": "x capacity",
    "offered": "calls/s",
    "invites": "INVITE/s",
    "goodput": "ok/s",
    "goodput_percent": "% of capacity",
    "goodput_percent_cpu": "% by CPU",
    "setup_p99_ms": "p99 ms",
    "refused": "503/s",
    "silent": "silent/s",
    "socket_lost": "socket lost",
    "rss_bytes": "RSS bytes",
    "rss_peak_bytes": "peak bytes",
}
SOAK = {
    "attempts": "attempts",
    "ok_percent": "% ok",
    "cpu_us_per_call": "CPU us/call",
    "setup_p99_ms": "p99 ms",
    "rss_bytes": "RSS bytes",
    "rss_peak_bytes": "peak bytes",
    "slope_bytes_per_call": "growth bytes/call",
}
# Of these the worst run counts, not the median.
WORST_LOW = {"ok_percent", "background_kept", "music_percent"}
WORST_HIGH = {"rss_bytes", "rss_peak_bytes", "rss_growth_bytes", "bytes_each", "music_lost", "relay_lost", "socket_lost"}


def summary(runs, **more):
    """The median of each figure over the runs, the worst where one bad run is a fault."""
    result = {"runs": len(runs)} | more
    for key in runs[0]:
        values = [run[key] for run in runs if isinstance(run.get(key), (int, float))]
        if not values:
            continue
        if key in WORST_LOW:
            result[key] = min(values)
        elif key in WORST_HIGH:
            result[key] = max(values)
        else:
            result[key] = statistics.median(values)
    return result


def cell(value):
    """A figure with at most three decimals."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(rows, columns):
    """Lines of a table of the columns that have a value; each row has a `name`."""
    shown = {key: title for key, title in columns.items() if any(row.get(key) is not None for row in rows)}
    lines = [[""] + list(shown.values())]
    lines += [[row["name"]] + [cell(row.get(key)) for key in shown] for row in rows]
    width = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return ["  ".join([line[0].ljust(width[0])] + [c.rjust(w) for c, w in zip(line[1:], width[1:])]) for line in lines]


def markdown(rows, columns):
    """The same in Markdown."""
    shown = {key: title for key, title in columns.items() if any(row.get(key) is not None for row in rows)}
    lines = ["| load | " + " | ".join(shown.values()) + " |", "|---" * (len(shown) + 1) + "|"]
    lines += [f"| {row['name']} | " + " | ".join(cell(row.get(key)) for key in shown) + " |" for row in rows]
    return lines


def machine():
    """The date, the processor and what else ran, in a sentence."""
    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    load = os.getloadavg()[0]
    date = datetime.date.today().strftime("%-d %B %Y")
    name = cpu[1] if cpu else platform.machine()
    return f"{date}, {os.cpu_count()} cores ({name}), {platform.system()} {platform.release()}, load average {load:.1f} at the start"


class Report:
    """Rows in groups, each with its columns, and verdicts on budgets."""

    def __init__(self):
        self.machine = machine()
        self.groups = []
        self.verdicts = []

    def add(self, columns, row):
        """A row of a kind of load."""
        for group, rows in self.groups:
            if group is columns:
                rows.append(row)
                return
        self.groups.append((columns, [row]))

    def judge(self, verdicts):
        """Verdicts: dictionaries of `budget`, `measured`, `limit` and `holds`."""
        self.verdicts += verdicts

    def holds(self):
        """True when no budget is broken."""
        return all(verdict["holds"] for verdict in self.verdicts)

    def text(self):
        """The tables for the eye."""
        lines = []
        for columns, rows in self.groups:
            lines += table(rows, columns) + [""]
        for verdict in self.verdicts:
            mark = "pass" if verdict["holds"] else "FAIL"
            lines.append(f"{mark}  {verdict['budget']}: {cell(verdict['measured'])} ({verdict['limit']})")
        return "\n".join(lines)

    def markdown(self):
        """The tables in Markdown, with the machine and the date."""
        lines = [self.machine + ".", ""]
        for columns, rows in self.groups:
            lines += markdown(rows, columns) + [""]
        if self.verdicts:
            lines += ["| budget | measured | limit | |", "|---|---|---|---|"]
        for verdict in self.verdicts:
            mark = "holds" if verdict["holds"] else "**broken**"
            lines.append(f"| {verdict['budget']} | {cell(verdict['measured'])} | {verdict['limit']} | {mark} |")
        return "\n".join(lines)

    def json(self):
        """Everything, as one object."""
        rows = [row for _, rows in self.groups for row in rows]
        return {"machine": self.machine, "rows": rows, "verdicts": self.verdicts}
