"""Give digitlab mutated inputs and count what ends in anything but a result or an error of its own.

make fuzz                            # ten minutes over all targets
make fuzz MINUTES=60 ARGS="--seed 7"
python tools/fuzz --again data:0:1234   # one input again, with its traceback
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import sys
import time
from pathlib import Path

from campaign import Campaign, Finding, make_input, save
from targets import TARGETS, Target

FOLDER = Path(".make/fuzz")


def main() -> int:
    """0 without a finding, otherwise 1."""
    options = _options()
    if options.again:
        name, seed, index = options.again.split(":")
        target = TARGETS[name]
        target.open()
        target.run(make_input(target, int(seed), int(index)))
        print("a result, or an error of the project's own")
        return 0
    chosen = [TARGETS[name] for name in options.targets or TARGETS]
    workers = max(1, options.processes)
    each = 60 * options.minutes * workers / len(chosen)
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(lambda target: _one(target, options.seed, each, options.count), chosen))
    inputs, findings = sum(done for done, _ in results), sum(found for _, found in results)
    print(f"{inputs:,} inputs in {time.monotonic() - started:,.0f} s, {findings} findings, seed {options.seed}")
    return 1 if findings else 0


def _one(target: Target, seed: int, seconds: float, count: int | None) -> tuple[int, int]:
    campaign = Campaign(target, seed)
    found = 0
    for finding in campaign.run(seconds=None if count else seconds, count=count):
        found += 1
        _show(finding, save(finding, target, seed, FOLDER))
    print(f"{target.name:<10} {campaign.done:>9,} inputs, {found} findings", flush=True)
    return campaign.done, found


def _show(finding: Finding, path: Path) -> None:
    print(f"{finding.target}, input {finding.index}: {finding.what}\n  {path}", flush=True)
    if finding.detail:
        path.with_suffix(".txt").write_text(finding.detail.encode().decode("unicode_escape"), errors="replace")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="Defaults to 10.")
    parser.add_argument("--count", type=int, help="Inputs per target, in place of a time.")
    parser.add_argument("--seed", type=int, default=0, help="Decides every input. Defaults to 0.")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="Defaults to one per core.")
    parser.add_argument("--again", help="TARGET:SEED:INDEX, one input with its traceback.")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], help="Defaults to all.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
