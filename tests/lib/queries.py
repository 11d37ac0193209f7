#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The PromQL of the dashboard and the alerts, held against docs/metrics.md.

  queries.py list      every query, one a line: "FILE<tab>QUERY"; Grafana's variables filled in
  queries.py check     print each metric or label that docs/metrics.md does not have
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "docs/dashboards/xdpfwd.json"
ALERTS = ROOT / "docs/alerts.yml"
METRICS = ROOT / "docs/metrics.md"

VARIABLES = {"$__rate_interval": "5m", "$instance": ".+", "$interface": ".+"}
FUNCTIONS = {"absent", "changes", "count", "label_values", "min", "rate", "sum"}
KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "offset"}
SCRAPE_LABELS = {"instance", "job"}


def strings_under(node, keys):
    """Every string that stands under one of these keys, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys and isinstance(value, str):
                yield value
            else:
                yield from strings_under(value, keys)
    elif isinstance(node, list):
        for value in node:
            yield from strings_under(value, keys)


def queries():
    """Pairs of file and query."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for query in strings_under(dashboard, ("expr", "definition")):
        for name, value in VARIABLES.items():
            query = query.replace(name, value)
        yield DASHBOARD.name, query
    for line in ALERTS.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\s+expr: (.*)$", line)
        if match:
            yield ALERTS.name, match.group(1)


def documented():
    """Metrics of the table in docs/metrics.md, each with its labels."""
    rows = re.findall(r"^\| `(\w+)` \| \w+ \|([^|]*)\|", METRICS.read_text(encoding="utf-8"),
                      re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def check(query, metrics):
    """Names in one query that are neither PromQL's nor documented."""
    labels = set().union(SCRAPE_LABELS, *metrics.values())
    query = re.sub(r'"[^"]*"', '""', query)
    query = re.sub(r"\[\w+\]|\boffset \w+", "", query)
    for name, inside in re.findall(r"(\w+)\{([^}]*)\}", query):
        for label in re.findall(r"(\w+)\s*[=!]", inside):
            if label not in metrics.get(name, set()) | SCRAPE_LABELS:
                yield f"{name} has no label {label}"
    query = re.sub(r"\{[^}]*\}", "", query)
    groups = r"\b(?:by|without|on|ignoring|group_left)\s*\(([^)]*)\)|label_values\(\w+, (\w+)\)"
    for listed in re.findall(groups, query):
        for label in re.findall(r"\w+", " ".join(listed)):
            if label not in labels:
                yield f"no label {label}"
    query = re.sub(r"\b(by|without|on|ignoring|group_left)\s*\([^)]*\)", "", query)
    query = re.sub(r"(label_values\(\w+), \w+\)", r"\1)", query)
    for name in re.findall(r"\b[A-Za-z_]\w*", query):
        if name not in FUNCTIONS | KEYWORDS and name not in metrics:
            yield f"no metric {name}"


def main():
    """Do what the command line says."""
    if sys.argv[1:] == ["list"]:
        for file, query in queries():
            print(f"{file}\t{query}")
    elif sys.argv[1:] == ["check"]:
        metrics = documented()
        found = [f"{file}: {problem} in {query}" for file, query in queries()
                 for problem in check(query, metrics)]
        if not metrics or len(list(queries())) < 20:
            found.append("few metrics or queries: is the form of the files another?")
        print("\n".join(found), end="\n" if found else "")
    else:
        sys.exit(__doc__)


main()
