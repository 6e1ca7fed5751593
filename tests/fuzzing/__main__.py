"""Runs schemathesis against a stack: `python -m tests.fuzzing --url URL --examples 20000`."""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzzing.run import Fuzzer

# A round: examples for each operation and phase, then walks along links. The seeds differ.
_EXAMPLES = 100
_WALKS = 5


def main() -> int:
    """Go on until there were enough examples or a failure; 0 where there was none."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the stack's address")
    parser.add_argument("--examples", type=int, default=20_000, help="in all, at least")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    chosen = parser.parse_args()
    total, answers = 0, Counter[tuple[str, int]]()
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(chosen.url, Path(folder))
        for seed in itertools.count(chosen.seed):
            for verdict in fuzzer.round(seed=seed, examples=_EXAMPLES, walks=_WALKS):
                total += verdict.examples
                answers += verdict.answers
                if not verdict.passed:
                    sys.stdout.write(verdict.text)
                    return 1
            sys.stdout.write(f"seed {seed}: {total:,} examples so far, no failure\n")
            sys.stdout.flush()
            if total >= chosen.examples:
                break
    for (operation, status), count in sorted(answers.items()):
        if operation in fuzzer.operations:  # The others are methods that a path does not know.
            sys.stdout.write(f"{count:7,}  {status}  {operation}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
