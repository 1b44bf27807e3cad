# SPDX-License-Identifier: BSD-3-Clause
"""``python shared/bench/run.py hmm --quick``: run a package's cases, print a table, write JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from shared.bench.harness import load_cases, measure, run_child  # noqa: E402
from shared.bench.report import format_size  # noqa: E402

RESULTS = ROOT / "shared" / "bench" / "results"
COLUMNS = "{:<44} {:<26} {:>10} {:>10} {:>7} {:>13} {:>5}  {}"
HEADER = COLUMNS.format(
    "work", "size", "ours ms", "peer ms", "ratio", "spread", "bar", "MiB, ours / peer"
)


def row(record: dict[str, Any]) -> str:
    """One line of the table."""
    notes = verdict(record)
    if "ratio_threads" in record:
        notes += f"  at default threads {record['ratio_threads']:.2f}"
    memory = ""
    if "ours_mib" in record:
        memory = f"{record['ours_mib']:.0f} / {record['theirs_mib']:.0f}"
    return COLUMNS.format(
        record["work"],
        format_size(record["size"]),
        f"{1e3 * record['ours_seconds']:.3f}",
        f"{1e3 * record['peer_seconds']:.3f}",
        f"{record['ratio']:.2f}",
        f"{record['ratio_low']:.2f}..{record['ratio_high']:.2f}",
        "-" if record["bar"] is None else f"{record['bar']:g}",
        memory + notes,
    )


def verdict(record: dict[str, Any]) -> str:
    """What is wrong with a record, if anything."""
    if not record["deviation"] <= record["tolerance"]:
        return f"  WRONG: results differ by {record['deviation']:.2g} > {record['tolerance']:.2g}"
    if record["bar"] is not None and record["ratio"] > record["bar"]:
        return "  above the bar"
    return ""


def save(package: str, records: list[dict[str, Any]]) -> Path:
    """Merge records into the package's file of results; the newest of a work and size stays."""
    path = RESULTS / f"{package}.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else []
    new = {(r["work"], json.dumps(r["size"])) for r in records}
    order = {case.work: i for i, case in enumerate(load_cases(package))}
    kept = [r for r in kept if (r["work"], json.dumps(r["size"])) not in new and r["work"] in order]
    merged = sorted(kept + records, key=lambda r: order[r["work"]])
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(merged, indent=1) + "\n", encoding="utf-8")
    return path


def main(arguments: list[str]) -> int:
    """Run cases; 1 if a result is wrong, or a ratio is above its bar and --strict is given."""
    if arguments[:1] == ["--child"]:
        package, case_number, size_number, mode, repeats = arguments[1:]
        run_child(package, int(case_number), int(size_number), mode, int(repeats))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", help="by default, every package that has cases")
    parser.add_argument("--quick", action="store_true", help="the first size of each, 5 repeats")
    parser.add_argument("--only", default="", help="cases whose work holds this text")
    parser.add_argument("--threads", action="store_true", help="the ratio at default threads too")
    parser.add_argument("--strict", action="store_true", help="fail above a bar")
    options = parser.parse_args(arguments)
    cases_folder = ROOT / "shared" / "bench" / "cases"
    packages = options.packages or sorted(path.stem for path in cases_folder.glob("*.py"))
    failed = False
    for package in packages:
        records = []
        sys.stdout.write(f"byhand.{package}\n{HEADER}\n")
        for index, case in enumerate(load_cases(package)):
            if options.only.lower() not in case.work.lower():
                continue
            for size in range(1 if options.quick else len(case.sizes)):
                record = measure(
                    package, index, case, size, quick=options.quick, threads=options.threads
                )
                records.append(record)
                sys.stdout.write(row(record) + "\n")
                sys.stdout.flush()
        if records:
            sys.stdout.write(f"wrote {save(package, records).relative_to(ROOT)}\n")
        wrong = [verdict(record) for record in records]
        failed |= any(w.strip().startswith("WRONG") or (options.strict and w) for w in wrong)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
