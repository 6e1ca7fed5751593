"""Runs of schemathesis: all checks, all phases, links between the three documents."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzzing.documents import fetch, joined

_ROOT = Path(__file__).parents[2]
_CONFIG = Path(__file__).with_name("schemathesis.toml")
_GENERATED = re.compile(r"^  (\d+) generated", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one run found: its words, its requests, the statuses that each operation answered."""

    passed: bool
    text: str
    examples: int
    answers: Counter[tuple[str, int]]


class Fuzzer:
    """Runs schemathesis against the stack at `url`, whose limits must be out of the way."""

    def __init__(self, url: str, folder: Path) -> None:
        """Put the joined document into `folder`."""
        self._url = url
        self._folder = folder
        self._document = folder / "joined.json"
        document = joined(fetch(url))
        self._document.write_text(json.dumps(document), encoding="utf-8")
        self.operations = {
            f"{method.upper()} {path}"
            for path, item in document["paths"].items()
            for method in item
            if method != "parameters"
        }

    def round(self, *, seed: int, examples: int, walks: int) -> Iterator[Verdict]:
        """Give every operation at most so many examples in each phase, then walk along links.

        Hypothesis ends a walk early, where answers differ from one replay to the next: so there
        are several.
        """
        yield self.run(seed, "--max-examples", str(examples))
        for number in range(walks):
            yield self.run(1_000 * seed + number, "--max-examples", "100", "--phases", "stateful")

    def run(self, seed: int, *options: str) -> Verdict:
        """Run once, with more options of `schemathesis run`."""
        report = self._folder / "report.ndjson"
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "schemathesis"),
                *("--config-file", str(_CONFIG)),
                *("run", str(self._document), "--url", self._url, "--checks", "all"),
                *("--seed", str(seed), "--generation-database", "none"),
                # NUL is refused in every string; a pattern in each would say so to nobody.
                *("--generation-allow-x00", "false"),
                *("--continue-on-failure", "--no-color"),
                *("--report", "ndjson", "--report-ndjson-path", str(report)),
                *options,
            ],
            cwd=_ROOT,
            env={**os.environ, "FUZZING_URL": self._url, "SCHEMATHESIS_HOOKS": _HOOKS},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        generated = _GENERATED.search(done.stdout)
        return Verdict(
            passed=done.returncode == 0 and generated is not None,
            text=done.stdout,
            examples=int(generated[1]) if generated else 0,
            answers=_answers(report),
        )


_HOOKS = "tests.fuzzing.hooks"


def _answers(report: Path) -> Counter[tuple[str, int]]:
    with report.open(encoding="utf-8") as lines:
        told = (json.loads(line).get("ScenarioFinished") for line in lines)
        return Counter(pair for one in told if one for pair in _of_scenario(one["recorder"]))


def _of_scenario(recorder: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for number, case in recorder.get("cases", {}).items():
        response = recorder["interactions"].get(number, {}).get("response")
        if response is not None:
            value = case["value"]
            yield f"{value['method']} {value['path']}", response["status_code"]
