"""Cases about the figures: the rules before promtool, and a real Prometheus that scrapes the engine under load, runs every
panel of every board, and finds the service levels that the engine itself gives."""

import http.client
import json
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request

import harness
import sip
from cases_calls import CALLERS, ON_AGENT, agents, phones, queue
from harness import HOST, ROOT, check, wait_until

BOARDS = ROOT / "configs" / "grafana"
# What Grafana would put in the place of its variables; spans as long as the test runs.
VARIABLES = {"$__rate_interval": "5s", "$interval": "5s", "$threshold": "1", "$queue": ".*", "$team": ".*"}
VARIABLES |= {"$number": ".*", "$region": ".*", "$trunk": ".*", "$campaign": ".*"}


def run(*words):
    """A program's standard output; a failing program fails the test."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f"{words[0]}: {done.stdout[-1500:]} {done.stderr[-1500:]}")
    return done.stdout


def needs_prometheus():
    """Fails with a message when Prometheus is missing."""
    check(shutil.which("promtool") and shutil.which("prometheus"), "missing: apt-get install prometheus")


# An hour of one queue: 100 calls a minute, of which 50 answered in 20 s, 30 later, 20 given up.
ALERTS = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'acd_build_info', values: '1x120'}}
      - {{series: 'acd_calls_answered_total{{queue="support"}}', values: '0+80x120'}}
      - {{series: 'acd_calls_abandoned_total{{queue="support"}}', values: '0+20x120'}}
      - {{series: 'acd_answer_wait_seconds_bucket{{queue="support",le="20"}}', values: '0+50x120'}}
      - {{series: 'acd_sl_events_total{{queue="support",outcome="answered"}}', values: '0+50x120'}}
      - {{series: 'acd_sl_events_total{{queue="support",outcome="missed"}}', values: '0+50x120'}}
      - {{series: 'acd_sl_missed_flowouts_total{{queue="support"}}', values: '0x120'}}
      - {{series: 'acd_queue_longest_wait_seconds{{queue="support"}}', values: '101x120'}}
      - {{series: 'acd_queue_waiting{{queue="support"}}', values: '3x120'}}
      - {{series: 'acd_queue_agents{{queue="support",state="ready"}}', values: '0x120'}}
      - {{series: 'acd_queue_agents{{queue="support",state="not_ready"}}', values: '4x120'}}
      - {{series: 'acd_peer_up{{peer="pbx"}}', values: '1x60 0x60'}}
    promql_expr_test:
      - expr: acd:sl_f3:ratio_30m
        eval_time: 100m
        exp_samples: [{{labels: 'acd:sl_f3:ratio_30m{{queue="support",threshold="20"}}', value: 0.5}}]
      - expr: acd:sl_f3:ratio_interval_30m
        eval_time: 100m
        exp_samples: [{{labels: 'acd:sl_f3:ratio_interval_30m{{queue="support",threshold="20"}}', value: 0.5}}]
      - expr: acd:sl_live:ratio_1h
        eval_time: 100m
        exp_samples: [{{labels: 'acd:sl_live:ratio_1h{{queue="support"}}', value: 0.5}}]
    alert_rule_test:
      - {{eval_time: 50m, alertname: AcdPeerDown, exp_alerts: []}}
      - eval_time: 100m
        alertname: AcdPeerDown
        exp_alerts: [{{exp_labels: {{severity: page, peer: pbx}}, exp_annotations: {{summary: The SIP neighbour pbx does not answer, summary_zh: SIP 对端 pbx 无应答}}}}]
      - eval_time: 100m
        alertname: AcdServiceLevelBurning
        exp_alerts: [{{exp_labels: {{severity: page, queue: support, threshold: '20'}}, exp_annotations: {{summary: 'Queue support misses its target (80 % in 20 s) twice as fast as allowed, now and over the last hour', summary_zh: 队列 support 服务水平快速恶化（近 5 分钟与近 1 小时均超出允许速度的两倍）}}}}]
      - eval_time: 100m
        alertname: AcdLongestWait
        exp_alerts: [{{exp_labels: {{severity: page, queue: support, threshold: '20'}}, exp_annotations: {{summary: 'Somebody waits in support longer than 100 s, five times the threshold', summary_zh: 队列 support 最长等待超过阈值的五倍}}}}]
      - eval_time: 100m
        alertname: AcdNoAgentReady
        exp_alerts: [{{exp_labels: {{severity: page, queue: support}}, exp_annotations: {{summary: Callers wait in support and no agent of it is at work, summary_zh: 队列 support 有客户等待但无坐席在岗}}}}]
      - {{eval_time: 100m, alertname: AcdBooksDoNotAddUp, exp_alerts: []}}
      - {{eval_time: 100m, alertname: AcdEngineGone, exp_alerts: []}}
"""


def promtool_accepts_the_rules(bench):
    """Rules of the example configuration are valid, record what they should, and raise the right alerts."""
    needs_prometheus()
    folder = pathlib.Path(bench.folder)
    rules = folder / "strowger.rules.yml"
    rules.write_text(run(bench.binary, "rules", "--config", ROOT / "configs" / "strowger.toml"))
    run("promtool", "check", "rules", rules)
    shutil.copy(ROOT / "configs" / "prometheus" / "prometheus.yml", folder)
    run("promtool", "check", "config", folder / "prometheus.yml")
    test = folder / "alerts.test.yml"
    test.write_text(ALERTS.format(rules=rules.name))
    run("promtool", "test", "rules", test)


class Prometheus:
    """A Prometheus that scrapes one engine four times a second and evaluates its rules."""

    def __init__(self, bench, engine):
        self.folder = pathlib.Path(bench.folder) / "prometheus"
        self.folder.mkdir()
        self.port = harness.free_port()
        (self.folder / "strowger.rules.yml").write_text(run(bench.binary, "rules", "--config", engine.path))
        (self.folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 1s}\n"
            "rule_files: [strowger.rules.yml]\n"
            f"scrape_configs: [{{job_name: strowger, static_configs: [{{targets: ['{HOST}:{engine.http}']}}]}}]\n"
        )
        words = ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data"]
        words += [f"--web.listen-address={HOST}:{self.port}"]
        self.log = open(self.folder / "log", "wb")
        self.child = harness.start(words, stdout=self.log, stderr=self.log)
        wait_until(lambda: self.query("up == 1"), "Prometheus scrapes the engine", 30)

    def query(self, expression):
        """The samples of an instant query: labels and value."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=20) as answer:
            result = json.load(answer)["data"]["result"]
        return [(row["metric"], float(row["value"][1])) for row in result]

    def value(self, expression):
        """The only sample's value."""
        rows = self.query(expression)
        check(len(rows) == 1, f"{expression}: {rows}")
        return rows[0][1]

    def close(self):
        """Ends it."""
        self.child.kill()
        self.child.wait()
        self.log.close()


def panels():
    """File, title and expression of every panel, with Grafana's variables replaced."""
    for path in sorted(BOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                expression = target["expr"]
                for name, value in VARIABLES.items():
                    expression = expression.replace(name, value)
                yield path.name, panel["title"], expression


RAW = {
    "sl_f1": "(AT + BT) / (A + B)",
    "sl_f2": "AT / A",
    "sl_f3": "AT / (A + B)",
    "sl_f3o": "AT / (A + B + F)",
    "sl_f4": "AT / (A + B - BT)",
    "sl_f5": "(AT + BS) / (A + B)",
    "sl_f6": "AT / (A + B - BS)",
    "answer_rate": "A / (A + B + F)",
    "answer_rate_in": "AT / (A + B + F)",
    "loss_rate": "(B + F) / (A + B + F)",
    "abandon_rate": "B / (A + B + F)",
}
TERMS = {
    "AT": 'sum(acd_answer_wait_seconds_bucket{queue="QUEUE",le=~"1(\\\\.0)?"})',
    "BT": 'sum(acd_abandon_wait_seconds_bucket{queue="QUEUE",le=~"1(\\\\.0)?"})',
    "BS": 'sum(acd_calls_lost_total{queue="QUEUE",cause="caller_short"})',
    "A": 'sum(acd_calls_answered_total{queue="QUEUE"})',
    "B": 'sum(acd_calls_abandoned_total{queue="QUEUE"})',
    "F": 'sum(acd_calls_flowout_total{queue="QUEUE",reason!="closed"})',
}


def raw(formula, name):
    """A formula over a queue's raw counters as PromQL."""
    return re.sub(r"\b(AT|BT|BS|A|B|F)\b", lambda term: TERMS[term[0]].replace("QUEUE", name), formula)


def prometheus_finds_what_the_engine_says(bench):
    """Under load every panel has data; afterwards every variant by PromQL is the engine's, and the counts are SIPp's."""
    needs_prometheus()
    quick, slow = bench.sipp("agent", d=100), bench.sipp("agent", d=1500)
    limits = ON_AGENT + '\nthreshold = "1s"\nshort_abandon = "400ms"'
    config = (
        CALLERS
        + phones("quick", quick.port)
        + phones("slow", slow.port)
        + queue("main", 800, limits)
        + queue("given", 801, limits)
        + queue("empty", 802, limits + '\nwait_max = "1s"')
        + agents("1001-1030", "quick", "main")
        + agents("1101-1130", "slow", "main")
        + agents("2001-2030", "slow", "given")
        + '[teams.floor]\n[teams.east]\nparent = "floor"\nagents = ["1001-1030"]\n[teams.west]\nagents = ["1101-1130"]\n'
        + '[figures]\ntime_zone = "Asia/Shanghai"\nagent_series = ["floor"]\n'
    )
    engine = bench.engine(config, "warn")
    prometheus = Prometheus(bench, engine)
    try:
        count = bench.calls(400)
        load = {
            "main": bench.sipp("caller", engine.sip, s="800", d=300, r=20, m=count, l=400, trace_rtt=True),
            "given": bench.sipp("caller_cancels", engine.sip, s="801", d=700, r=5, m=count // 4, l=400),
            "empty": bench.sipp("caller_refused", engine.sip, s="802", r=4, m=count // 10, l=400),
        }
        wait_until(lambda: engine.queue("main")["answered"] > count / 2, "half of the calls are answered", count / 20 + 30)
        empty = [(name, title, text) for name, title, text in panels() if not prometheus.query(text)]
        check(not empty, f"panels without data: {empty}")
        counts = {name: caller.wait(count / 20 + 60) for name, caller in load.items()}
        engine.settle(20)
        ended = prometheus.value("vector(time())")
        wait_until(lambda: prometheus.value('timestamp(acd_calls_offered_total{queue="main"})') > ended + 1, "a scrape")
        own = {name: engine.json(f"/v1/queues/{name}/intervals?by=day&last=1m")["total"] for name in counts}
        outcomes = {"main": "answered", "given": "abandoned", "empty": "flowed_out"}
        # On a busy machine the engine may refuse a call before any queue; a refusal is what the callers of `empty` want.
        refused = engine.metric("acd_calls_refused_total", cause="overload")
        failed = counts["main"]["failed"] + counts["given"]["failed"]
        check(failed <= refused, f"calls failed: {counts} {load['main'].errors()} {load['given'].errors()}")
        visits = sum(figures["offered"] for figures in own.values())
        check(visits + refused == sum(row["total"] for row in counts.values()), f"{visits} + {refused}: {counts}")
        for name, outcome in outcomes.items():
            check(own[name]["offered"] == own[name][outcome], f"SIPp made {counts[name]}: {own[name]}")
            check(name == "empty" or own[name]["offered"] == counts[name]["ok"], f"SIPp made {counts[name]}: {own[name]}")
            for key, formula in RAW.items():
                found, figure = prometheus.value(raw(formula, name)), own[name]["formulas"][key]
                same = found != found if figure["value"] is None else abs(found - figure["value"]) < 1e-12
                check(same, f"{name}, {key}: PromQL {found}, engine {figure}")
        # SIPp times from the INVITE to the 200, the engine from joining to answering: less by a few milliseconds.
        times = load["main"].response_times_ms()
        sure, perhaps = (sum(1 for time in times if time <= limit) for limit in (1000, 1050))
        found = own["main"]["formulas"]["sl_f2"]["numerator"]
        check(0 < sure <= found <= perhaps < len(times), f"in time: SIPp {sure} to {perhaps}, the engine {found}")
        words = ["queue", "stats", "main", "--last", "5m", "--by", "1m", "--url", f"http://{HOST}:{engine.http}"]
        shown = run(bench.binary, *words)
        time_of = lambda path: engine.json(path)["total"]["agents"]["handling_seconds"]
        handled = time_of("/v1/teams/intervals?team=floor&by=5m&last=90m")
        by_day = time_of("/v1/teams/intervals?team=floor&by=day&last=1m")
        each = sum(time_of(f"/v1/agents/{name}/intervals?by=week&last=1m") for name in range(1001, 1031))
        check(0 < handled and max(abs(handled - by_day), abs(handled - each)) < 1, f"{handled} {by_day} {each}")
        for words in (["team", "stats", "floor"], ["agent", "stats", "1001"]):
            table = run(bench.binary, *words, "--by", "day", "--url", f"http://{HOST}:{engine.http}")
            check(f"{words[2]}, by day of Asia/Shanghai" in table and "utilisation" in table, table)
        talks = prometheus.value('sum(acd_team_talk_seconds_count{team=~"floor(/.*)?"})')
        check(0 < talks < own["main"]["answered"], f"talks of the floor: {talks}")
        check(prometheus.value("sum(acd_agent_talk_seconds_count)") == talks, "agents listed by their department")
        check(prometheus.value("count(acd_agent_state == 1)") == 30, "each agent is in one state")
        lost = prometheus.value("sum(acd_contacts_lost_total)")
        check(lost == counts["given"]["ok"] + own["empty"]["offered"], f"lost contacts: {lost}, {counts}")
        for dimension in ("number", "campaign", "region", "trunk"):
            found = prometheus.value(f"sum(acd_{dimension}_contacts_lost_total)")
            check(found == lost, f"{found} lost by {dimension}, {lost} by queue")
            total = engine.json(f"/v1/lost?by={dimension}&last=1h")["total"]
            check(total["lost"] == lost, f"/v1/lost by {dimension}: {total}, {lost} by queue")
        check("Asia/Shanghai" in shown and "total" in shown, shown)
    finally:
        prometheus.close()


def losses_are_told_by_region_and_a_reload_brings_another_table(bench):
    """A caller's number says its region by the table in force; a faulty table is refused whole; each loss is in /v1/lost.

    Nobody is logged in when the longest wait has passed: that is their cause.
    """
    table = pathlib.Path(bench.folder) / "regions.csv"
    table.write_text("prefix,region\n8610,北京\n861380013,上海\n", encoding="utf-8")
    callers = CALLERS + 'country_code = "86"\n'
    numbers = '[queues.main]\nnumbers = [{ number = "800", group = "hotline", campaign = "春季" }]\n'
    config = f'{callers}{numbers}{ON_AGENT}\nwait_max = "1s"\n[figures]\nregions = "{table}"\n'
    engine = bench.engine(config, "warn")

    calls = []

    def lost(by, value):
        answer = engine.json(f"/v1/lost?by={by}&value={urllib.parse.quote(value)}")
        return answer["total"]["lost_by"].get("no_agent_on_duty", 0)

    def call(number):
        with sip.Peer(engine.sip) as peer:
            peer.request("INVITE", "800", f"P-Asserted-Identity: <sip:{number}@{HOST}>\r\n")
            code, text = peer.final()
            check(code == 480, f"{code} {text}")
            # The answer may be here before the figures are.
            calls.append(number)
            wait_until(lambda: engine.metric("acd_contacts_lost_total", cause="no_agent_on_duty") == len(calls), "the loss is counted")

    for number in ("13800138000", "01012345678", "+861380013999", "anonymous"):
        call(number)
    found = {region: lost("region", region) for region in ("上海", "北京", "unknown")}
    check(found == {"上海": 2, "北京": 1, "unknown": 1}, f"{found}")
    check(lost("number", "hotline") == lost("campaign", "春季") == lost("trunk", "callers") == 4, "each by its value")
    table.write_text("8610,北京\n861380013,广州\n8610,天津\n", encoding="utf-8")
    engine.signal(signal.SIGHUP)
    wait_until(lambda: "is of `天津`, but of `北京` in line 1" in engine.log_text(), "the table is refused")
    call("13800138000")
    check(lost("region", "上海") == 3, "the old table is in force")
    table.write_text("8610,北京\n861380013,广州\n", encoding="utf-8")
    engine.signal(signal.SIGHUP)
    wait_until(lambda: 'region="广州"' in engine.request("/metrics")[1], "the other table is in force")
    call("13800138000")
    check((lost("region", "上海"), lost("region", "广州")) == (3, 1), "what was counted stays where it was")
    check(engine.metric("acd_region_contacts_lost_total", region="广州", cause="no_agent_on_duty") == 1, "the metric says so too")
    shown = run(bench.binary, "lost", "--by", "region", "--hours", "--url", f"http://{HOST}:{engine.http}")
    check("上海" in shown and "no_agent_on_duty" in shown, shown)
    status, text = engine.request("/v1/lost?by=region&value=nowhere")
    check(status == 404, f"{status} {text}")


def openmetrics_holds_the_same_samples(bench):
    """The engine gives OpenMetrics to those who ask for it, and promtool reads both formats."""
    needs_prometheus()
    engine = bench.engine(CALLERS + queue("main", 800))
    status, text = engine.request("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    check(status == 200 and text.endswith("# EOF\n"), f"{status} {text[-200:]}")
    check("# TYPE acd_calls_offered counter" in text and 'acd_calls_offered_total{queue="main",dnis_group="800"} 0' in text, text[:2000])
    done = subprocess.run(["promtool", "check", "metrics"], input=engine.request("/metrics")[1], capture_output=True, text=True)
    check(done.returncode in (0, 3), f"promtool check metrics: {done.stdout} {done.stderr}")


SCRAPES = 1000
FORMATS = ["text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"]
COUNTED = ("acd_calls_", "acd_queue_waiting{", "acd_contacts_", "acd_answer_wait_seconds_count{", "acd_invariant_")


class Scraper:
    """Scrapes an engine over one connection, like Prometheus does."""

    def __init__(self, engine):
        self.connection = http.client.HTTPConnection(HOST, engine.http, timeout=20)

    def scrape(self, kind):
        """Sums of the counted families by queue; of those without a queue, under none."""
        self.connection.request("GET", "/metrics", headers={"Accept": kind})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        check(answer.status == 200 and answer.headers["Content-Type"].startswith(kind.split(";")[0]), f"{answer.status}")
        sums = {}
        for line in text.split("\n"):
            if line.startswith(COUNTED):
                name, value = line.rsplit(" ", 1)
                family, _, labels = name.partition("{")
                queue = labels[7 : labels.index('"', 7)] if labels.startswith('queue="') else None
                sums[family, queue] = sums.get((family, queue), 0) + float(value)
        return sums

    def close(self):
        """Ends the connection."""
        self.connection.close()


def broken_laws(sums, queue):
    """What does not add up of a queue in one scrape, in words."""
    calls = {word: sums[f"acd_calls_{word}_total", queue] for word in ("offered", "answered", "abandoned", "flowout")}
    calls["waiting"] = sums["acd_queue_waiting", queue]
    contacts = {word: sums[f"acd_contacts_{word}_total", queue] for word in ("offered", "served", "lost", "untargeted")}
    contacts["in_progress"] = sums["acd_contacts_in_progress", queue]
    for law in (calls, contacts):
        if law["offered"] != sum(law.values()) - law["offered"]:
            yield f"{queue}: {law}"
    if calls["answered"] != sums["acd_answer_wait_seconds_count", queue]:
        yield f"{queue}: {calls['answered']} answered, but the waits of {sums['acd_answer_wait_seconds_count', queue]}"


def move_somebody(engine, names):
    """Moves a waiting caller or two into the next queue, as a supervisor does; who is gone meanwhile is no fault."""
    waiting = [call for call in engine.json("/v1/calls?limit=100")["calls"] if call["state"] == "waiting"]
    moved = 0
    for call in waiting[:2]:
        to = names[(names.index(call["queue"]) + 1) % len(names)]
        moved += engine.request(f"/v1/calls/{call['id']}", {"action": "requeue", "queue": to})[0] == 200
    return moved


def every_one_of_a_thousand_scrapes_adds_up(bench):
    """A storm of calls that are answered, given up, refused, moved and lost, and a scraper in a loop, in both formats: both
    laws hold within each scrape, for each queue, and no counter goes back."""
    agent = bench.sipp("agent", d=50)
    limits = ON_AGENT + '\nthreshold = "1s"\nshort_abandon = "300ms"\nwait_max = "2s"'
    names = ["main", "given", "empty"]
    config = CALLERS + phones("phones", agent.port)
    config += "".join(queue(name, 800 + place, limits) for place, name in enumerate(names))
    config += agents("1001-1040", "phones", "main")
    engine = bench.engine(config, "warn")
    many = 1_000_000
    storm = [
        bench.sipp("caller", engine.sip, s="800", d=100, r=120, m=many, l=300),
        bench.sipp("caller_cancels", engine.sip, s="801", d=600, r=30, m=many, l=300),
        bench.sipp("caller_cancels", engine.sip, s="801", d=200, r=30, m=many, l=300),
        bench.sipp("caller_refused", engine.sip, s="802", r=10, m=many, l=300),
    ]
    wait_until(lambda: engine.metric("acd_calls_flowout_total", queue="empty") > 0, "the storm is there", 20)
    scraper, last, seen, moved = Scraper(engine), {}, set(), 0
    for number in range(SCRAPES):
        sums = scraper.scrape(FORMATS[number % 2])
        broken = [line for name in names for line in broken_laws(sums, name)]
        check(not broken, f"scrape {number}: {broken}")
        back = [key for key, value in sums.items() if key[0].endswith("_total") and value < last.get(key, 0)]
        check(not back, f"scrape {number}: {back} went back")
        last = sums
        seen.add(sum(sums["acd_calls_offered_total", name] for name in names))
        if number % 10 == 0:
            moved += move_somebody(engine, names)
    scraper.close()
    check(last["acd_invariant_violations_total", None] == 0, "the engine finds its figures broken")
    ended = {name: sum(last[f"acd_{name}_total", queue] for queue in names) for name in
             ("calls_answered", "calls_abandoned", "calls_flowout", "contacts_served", "contacts_lost")}
    check(all(ended.values()) and moved, f"a storm has all outcomes: {ended}, {moved} moved")
    check(len(seen) > SCRAPES // 10, f"calls came while the scrapes were taken: {len(seen)} different counts")
    check(all(caller.child.poll() is None for caller in storm), "the storm lasted to the end")


BESIDE = []
CASES = [
    promtool_accepts_the_rules,
    openmetrics_holds_the_same_samples,
    every_one_of_a_thousand_scrapes_adds_up,
    losses_are_told_by_region_and_a_reload_brings_another_table,
    prometheus_finds_what_the_engine_says,
]
