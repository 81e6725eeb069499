#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of docs/BENCHMARKS.md: the shipped program against bare simdjson DOM parsing of the same bytes.

usage: scripts/bench.py BUILD_DIR [--data FILE] [--runs N] [--rows WORD[,WORD...]] [--no-write]

Without --data the records come from gen_cloudtrail.py in the shared folder (TOCSIN_SHARED, else ../shared) and are kept
in BUILD_DIR. Two views: in process (bench/throughput: the engine and the parser interleaved, from memory) and the whole
program (CPU seconds of `tocsin scan`, less those of a run on an empty file, against bench/parse_only, run by run). Ratios are
parser / tocsin: more is better. --rows keeps the rows whose name holds one of the words.
"""
import argparse
import collections
import concurrent.futures
import gzip
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("TOCSIN_SHARED", os.path.join(SOURCE, "..", "shared"))
SIGMA = os.path.join(SHARED, "rules", "sigmahq")
RECORD_BYTES = 200_000_000


class Usage:
    """Runs a command; what it printed and used."""

    def __init__(self, command):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            started = time.monotonic()
            process = subprocess.Popen(command, stdout=out, stderr=err)
            _, status, used = os.wait4(process.pid, 0)
            self.wall = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            self.out, self.err = out.read(), err.read()
        self.status = process.returncode
        self.cpu = used.ru_utime + used.ru_stime

    def checked(self, command):
        if self.status != 0:
            sys.exit(f"bench: {' '.join(command)}: status {self.status}\n{self.err.decode()[-2000:]}")
        return self


def run(command):
    return Usage(command).checked(command)


class Bench:
    def __init__(self, options):
        self.options = options
        self.build = options.build
        self.folder = tempfile.mkdtemp(prefix="tocsin-bench-")
        self.empty = os.path.join(self.folder, "empty.ndjson")
        open(self.empty, "w").close()
        self.rows = []

    def wanted(self, name):
        return not self.options.rows or any(word in name for word in self.options.rows.split(","))

    def say(self, *cells):
        self.rows.append(cells)
        print(" | ".join(str(cell) for cell in cells), flush=True)

    def throughput(self, data, rules, runs=None, **settings):
        command = [os.path.join(self.build, "bench", "throughput"), "--data", data, "--rules", rules,
                   "--runs", str(runs or self.options.runs)]
        for name, value in settings.items():
            command += ["--" + name, value]
        return json.loads(run(command).out)

    def scan(self, data, rules, *more):
        """CPU seconds, wall seconds, megabytes, statistics."""
        used = run([os.path.join(self.build, "tocsin"), "scan", "-q", "--format", "none", "--stats", "json",
                      "--rules", rules, *more, *([data] if isinstance(data, str) else data)])
        return used, json.loads(used.err.decode().strip().splitlines()[-1])

    def peak_megabytes(self, data, rules, *more):
        """Asked of a small process that starts it: what a large one starts inherits its peak."""
        command = [os.path.join(self.build, "tocsin"), "scan", "-q", "--format", "none", "--rules", rules, *more, data]
        asks = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        return int(run([sys.executable, "-S", "-c", asks, *command]).out) / 1024

    def whole(self, data, rules, *more):
        """The median of the ratios run by run, and the last run's statistics. What is compared ran within a second: where
        a host changes its speed every few seconds, medians of each by itself may be of different speeds."""
        yardstick = [os.path.join(self.build, "bench", "parse_only")]
        ratios, stats = [], {}
        self.scan(self.empty, rules, "--threads", "1", *more)  # fills a cache of rules
        for _ in range(self.options.runs):
            bare = run(yardstick + [data]).cpu - run(yardstick + [self.empty]).cpu
            start = self.scan(self.empty, rules, "--threads", "1", *more)[0].cpu
            used, stats = self.scan(data, rules, "--threads", "1", *more)
            ratios.append(bare / max(used.cpu - start, 1e-6))
        return statistics.median(ratios), stats

    def row(self, name, data, rules, must, goal, settings, flags):
        """One row of both views. `must` and `goal`: (in process, whole program)."""
        if not self.wanted(name) or not os.path.exists(rules) or not os.path.exists(data):
            return None
        inside = self.throughput(data, rules, **settings)
        outside, stats = self.whole(data, rules, *flags)
        rate = inside["records"] / inside["seconds"]
        self.say(name, inside["rules"], f"{inside['ratio']:.2f}", must[0], goal[0], f"{outside:.2f}", must[1], goal[1],
                 f"{rate:,.0f}", f"{inside['matches']:,}", f"{100 * inside['rejected'] / inside['records']:.1f} %")
        inside["whole"] = outside
        inside["alerts"] = stats["alerts"]
        return inside


def records_like(data, count):
    with open(data, encoding="utf-8") as file:
        return [line for _, line in zip(range(count), file)]


def write_unlike_records(data, folder):
    """The first records with their keys in random order: what the engine has learned of the shape of one is of no use
    for another."""
    random.seed(3)
    path = os.path.join(folder, "unlike.ndjson")

    def shuffled(value):
        members = list(value.items())
        random.shuffle(members)
        return dict(members)

    with open(path, "w", encoding="utf-8") as out:
        for line in records_like(data, 40_000):
            record = json.loads(line)
            if isinstance(record.get("userIdentity"), dict):
                record["userIdentity"] = shuffled(record["userIdentity"])
            out.write(json.dumps(shuffled(record), separators=(",", ":"), ensure_ascii=False) + "\n")
    return path


def write_many_rules(data, folder):
    """850 rules that apply to CloudTrail: `exists` on several fields, a source, a name; some 430 names, the commonest
    among them, so that most records match one."""
    pairs = collections.Counter()
    for line in records_like(data, 60_000):
        record = json.loads(line)
        pairs[(record.get("eventSource"), record.get("eventName"))] += 1
    chosen = [pair for pair, _ in pairs.most_common(430) if all(isinstance(part, str) for part in pair)]
    path = os.path.join(folder, "many.yml")
    fields = ["userIdentity.arn", "sourceIPAddress", "userAgent", "awsRegion", "requestID", "eventID"]
    picker = random.Random(850)
    with open(path, "w", encoding="utf-8") as out:
        for number in range(850):
            source, name = chosen[number % len(chosen)]
            second = number >= len(chosen)
            present = picker.sample(fields, 3)
            out.write(f"title: Generated {number}\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  s:\n"
                      f"    eventSource: {source}\n    eventName: {name}\n"
                      + "".join(f"    {field}|exists: true\n" for field in present)
                      + ("    errorCode: AccessDenied\n" if second else "") + "  condition: s\n---\n")
    return path


def big_documents(folder, data):
    lines = records_like(data, 2000)
    wide = json.loads(lines[0])
    made = {}

    def add(name, texts):
        made[name] = os.path.join(folder, name.replace(" ", "_") + ".ndjson")
        with open(made[name], "w", encoding="utf-8") as out:
            out.writelines(text + "\n" for text in texts)

    compact = lambda value: json.dumps(value, separators=(",", ":"))
    add("a million tiny records", ('{"eventName":"x%d"}' % i for i in range(1_000_000)))
    add("records of 256 KB", (compact({**wide, "requestParameters": {f"k{i}": "v" * 60 for i in range(3400)}})
                              for _ in range(150)))
    add("records of 100,000 keys", (compact({**wide, "requestParameters": {f"k{i}": i for i in range(100_000)}})
                                    for _ in range(20)))
    add("1 MB documents on one line", (compact({"Records": [json.loads(line) for line in lines[at:at + 750]]})
                                       for at in (0, 750) for _ in range(20)))
    return made


def gz_files(folder, data):
    lines = [line.rstrip("\n") for line in records_like(data, 60_000)]
    paths = []
    for at in range(0, len(lines), 10_000):
        paths.append(os.path.join(folder, f"trail{at}.json.gz"))
        with gzip.open(paths[-1], "wt", compresslevel=6, encoding="utf-8") as out:
            out.write('{"Records":[' + ",".join(lines[at:at + 10_000]) + "]}")
    return paths


def speed_rows(bench, data):
    aws = os.path.join(SIGMA, "rules", "cloud", "aws")
    everything = SIGMA
    first = bench.row("57 CloudTrail rules, filter before the parse", data, aws, (1.3, 1.2), (2.2, 1.8), {}, [])
    bench.row("the same, every record walked", data, aws, (0.80, 0.80), (1.2, 1.15), {"filter": "off"},
              ["--filter", "off"])
    bench.row("the same, every record validated", data, aws, (0.65, 0.65), (0.95, 0.95), {"strict": "yes"},
              ["--strict-json"])
    bench.row("the same, the filter picks up event time", data, aws, ("-", "-"), ("-", "-"), {"time": "yes"}, [])
    if bench.wanted("built alike") and os.path.exists(aws):
        bench.row("the same, every record walked, hardly two built alike", write_unlike_records(data, bench.folder), aws,
                  ("-", "-"), ("-", "-"), {"filter": "off"}, ["--filter", "off"])
    # With a cache: a start from 850 rules as written takes as long as the scan.
    bench.row("850 rules, most records match one", data, write_many_rules(data, bench.folder), (0.70, 0.70), (1.0, 1.0),
              {}, ["--cache", os.path.join(bench.folder, "cache")])
    part = lambda key, share: f"{first[key] * share:.2f}" if first else "-"
    # A start from rules as written takes ten times as long as the scan: what is left of it is noise.
    cache = ["--cache", os.path.join(bench.folder, "cache")]
    bench.row("all SigmaHQ rules, routed by log source", data, everything, (part("ratio", 0.9), part("whole", 0.9)),
              (part("ratio", 1), part("whole", 1)), {}, cache)
    bench.row("all SigmaHQ rules, --logsource any", data, everything, (0.20, 0.20), (0.5, 0.5), {"any": "yes"},
              ["--logsource", "any"] + cache)
    windows = os.path.join(SHARED, "data", "windows-dev.ndjson")
    if os.path.exists(windows) and bench.wanted("Windows"):
        repeated = os.path.join(bench.folder, "windows.ndjson")
        with open(windows, "rb") as source, open(repeated, "wb") as out:
            text = source.read()
            for _ in range(10):
                out.write(text)
        bench.row("Windows records, all Windows rules, --logsource any", repeated,
                  os.path.join(SIGMA, "rules", "windows"), (0.12, 0.12), (0.4, 0.4), {"any": "yes"},
                  ["--logsource", "any"])
    if bench.wanted("documents"):
        for name, path in big_documents(bench.folder, data).items():
            bench.row("documents: " + name, path, aws, ("-", "-"), ("-", "-"), {"filter": "off"}, ["--filter", "off"])


def other_rows(bench, data):
    aws = os.path.join(SIGMA, "rules", "cloud", "aws")
    out = []

    def say(what, value, must, goal):
        out.append((what, value, must, goal))
        print(" | ".join(out[-1]), flush=True)

    sets = [("57 rules, filter", aws, []), ("57 rules, walked", aws, ["--filter", "off"]),
            ("57 rules, validated", aws, ["--strict-json"]),
            ("all rules, --logsource any", SIGMA, ["--logsource", "any", "--cache", os.path.join(bench.folder, "cache")])]
    parser = [os.path.join(bench.build, "bench", "parse_only"), data]
    alone, together = [], []  # one copy of the bare parser; each of two at once
    for name, rules, flags in sets:
        if not bench.wanted("threads") or not os.path.exists(rules):
            continue
        bench.scan(bench.empty, rules, *flags)  # fills a cache of rules
        cpu, wall = [], []  # ratios run by run, as in whole()
        for _ in range(bench.options.runs):
            alone.append(run(parser))
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                together += pool.map(run, [parser, parser])
            used = {}
            for threads in ("1", "2"):
                start = bench.scan(bench.empty, rules, *flags, "--threads", threads)[0]
                done = bench.scan(data, rules, *flags, "--threads", threads)[0]
                used[threads] = (done.cpu - start.cpu, done.wall - start.wall)
            cpu.append(used["2"][0] / used["1"][0])
            wall.append(used["1"][1] / used["2"][1])
        say(f"threads: CPU seconds with two / one, {name}", f"{statistics.median(cpu):.2f}", "1.10", "1.03")
        say(f"threads: wall time one / two, {name}", f"{statistics.median(wall):.2f}",
            "-" if "filter" in name else "1.8", "-" if "filter" in name else "1.95")
    if alone:
        def middle_of(runs, what):
            return statistics.median(getattr(one, what) for one in runs)

        say("threads, the machine itself: CPU seconds of the bare parser, one of two copies at once / one alone",
            f"{middle_of(together, 'cpu') / middle_of(alone, 'cpu'):.2f}", "-", "-")
        say("threads, the machine itself: wall time of the bare parser, two runs one after the other / at once",
            f"{2 * middle_of(alone, 'wall') / middle_of(together, 'wall'):.2f}", "-", "-")
    if bench.wanted("gz"):
        files = gz_files(bench.folder, data)
        ratios = []
        for _ in range(bench.options.runs):
            bare = run([os.path.join(bench.build, "bench", "inflate_only"), *files]).cpu
            start = bench.scan(bench.empty, aws, "--threads", "1")[0].cpu
            ratios.append(bare / (bench.scan(files, aws, "--threads", "1")[0].cpu - start))
        say("gz `Records` files, 57 rules, against libdeflate alone", f"{statistics.median(ratios):.2f}", "0.65", "0.85")
    if bench.wanted("start") and os.path.exists(SIGMA):
        for what, flags, must, goal in (("", [], "0.60", "0.30"),
                                        (", unchanged with `--cache`", ["--cache", os.path.join(bench.folder, "cache")], "0.15", "0.03")):
            bench.scan(bench.empty, SIGMA, *flags)
            starts = [bench.scan(bench.empty, SIGMA, *flags)[0] for _ in range(bench.options.runs)]
            say(f"start with all SigmaHQ rules, seconds{what}", f"{statistics.median(one.wall for one in starts):.2f}", must, goal)
    if bench.wanted("memory") and os.path.exists(SIGMA):
        used = bench.peak_megabytes(data, SIGMA, "--threads", "1", "--logsource", "any")
        say("peak memory, all rules, MB", f"{used:.0f}", "64 + a window per thread", "40")
    if bench.wanted("allocations"):
        quiet = os.path.join(bench.folder, "quiet.yml")
        with open(quiet, "w", encoding="utf-8") as rule:
            rule.write("title: None\nlogsource: {product: aws}\ndetection:\n  s: {eventName: NoSuchCall}\n  condition: s\n")
        for name, mode in (("walked", "off"), ("filtered", "on")):
            done = bench.throughput(data, quiet, runs=1, filter=mode)
            say(f"allocations per record that matches nothing, {name}", f"{done['allocations_per_record']:.4f}",
                "0.05", "0")
    return out


def detector_rows(bench, data):
    """Programs that print their own rows: "what | measured | must"."""
    out = []
    aws = os.path.join(SIGMA, "rules", "cloud", "aws")
    programs = [("detectors", ["detectors", "--runs", str(bench.options.runs)])]
    if os.path.exists(aws):
        programs.append(("stream", ["stream", "--data", data, "--rules", aws, "--rules",
                                    os.path.join(SOURCE, "bench", "stream"), "--runs", str(bench.options.runs)]))
    for name, (program, *arguments) in programs:
        if not bench.wanted(name):
            continue
        done = run([os.path.join(bench.build, "bench", program), *arguments])
        for line in done.out.decode().splitlines():
            out.append((*[cell.strip() for cell in line.split("|")], "-"))
            print(line, flush=True)
    return out


def peer_rows(bench, data):
    """Other engines that are installed, on the same records and rules."""
    aws = os.path.join(SIGMA, "rules", "cloud", "aws")
    out = []
    known = {"rsigma": lambda program: [program, "engine", "eval", "-r", aws, "-e", "@" + data],
             "suzaku": lambda program: [program, "aws-ct-timeline", "-f", data, "-r", aws, "-o",
                                        os.path.join(bench.folder, "suzaku.csv")],
             "chainsaw": lambda program: [program, "hunt", "--sigma", aws, "--json", data],
             "zircolite": lambda program: [program, "--events", data, "--ruleset", aws, "--jsonline"]}
    for name, command in known.items():
        program = shutil.which(name)
        if program is None or not bench.wanted("peer"):
            continue
        ours, stats = bench.scan(data, aws, "--threads", "1")
        done = Usage(command(program))
        out.append((name, f"{done.cpu:.2f}", f"{len(done.out.splitlines()):,}", f"{ours.cpu:.2f}", f"{stats['alerts']:,}",
                    f"{done.cpu / ours.cpu:.1f}", str(done.status)))
        print(" | ".join(out[-1]), flush=True)
    return out


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"] + [
        "| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def machine():
    name = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {os.cpu_count()} CPUs"


def write_page(bench, others, peers):
    lines = [f"Measured on: {machine()}; medians of {bench.options.runs} runs.", ""]
    lines += table(["rules", "number", "in process", "must", "goal", "whole program", "must", "goal",
                    "records/s, in process", "matches", "rejected unparsed"], bench.rows)
    lines += [""] + table(["other", "measured", "must", "goal"], others)
    if peers:
        lines += [""] + table(["peer", "CPU s", "lines of output", "tocsin CPU s", "tocsin alerts", "times faster",
                               "its exit status"], peers)
    path = os.path.join(SOURCE, "docs", "BENCHMARKS.md")
    begin, end = "<!-- begin table -->\n", "<!-- end table -->\n"
    with open(path, encoding="utf-8") as page:
        text = page.read()
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    with open(path, "w", encoding="utf-8") as page:
        page.write(before + begin + "\n".join(lines) + "\n" + end + after)


def find_data(options):
    if options.data:
        return options.data
    path = os.path.join(options.build, "cloudtrail-200mb.ndjson")
    if not os.path.exists(path):
        generator = os.path.join(SHARED, "data", "gen_cloudtrail.py")
        if not os.path.exists(generator):
            sys.exit(f"bench: no data and no {generator}: give a file of CloudTrail records, one a line: --data FILE")
        print(f"bench: generating {RECORD_BYTES} bytes into {path}")
        subprocess.run([sys.executable, generator, "--size", str(RECORD_BYTES), "-o", path + ".part"], check=True)
        os.replace(path + ".part", path)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--data")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", default="")
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    data = find_data(options)
    bench = Bench(options)
    try:
        speed_rows(bench, data)
        others = other_rows(bench, data) + detector_rows(bench, data)
        peers = peer_rows(bench, data)
        if not options.no_write and not options.rows:
            write_page(bench, others, peers)
    finally:
        shutil.rmtree(bench.folder)


if __name__ == "__main__":
    main()
