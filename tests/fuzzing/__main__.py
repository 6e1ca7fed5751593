"""Runs schemathesis against a stack: `python -m tests.fuzzing --url URL --examples N`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzzing.run import fuzz


def main() -> int:
    """Print what schemathesis says; the exit code is its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the stack's address")
    parser.add_argument("--examples", type=int, default=20, help="for each operation, at most")
    parser.add_argument("--seed", type=int, help="by default the same requests each time")
    parser.add_argument("rest", nargs="*", help="options of schemathesis, after --")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = fuzz(
            chosen.url,
            Path(folder),
            examples=chosen.examples,
            seed=chosen.seed,
            options=chosen.rest,
        )
    sys.stdout.write(done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
