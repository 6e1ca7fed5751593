"""One run of schemathesis: all checks, all phases, links between the three documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fuzzing.documents import fetch, joined

_ROOT = Path(__file__).parents[2]
_CONFIG = Path(__file__).with_name("schemathesis.toml")


def fuzz(
    url: str,
    folder: Path,
    *,
    examples: int,
    seed: int | None = None,
    options: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Return schemathesis' verdict on the stack at `url`.

    Args:
        url: The stack's public address; its limits must be out of the way.
        folder: Where the joined document may lie.
        examples: For each operation and phase, at most.
        seed: None: the same requests each time.
        options: More options of `schemathesis run`.
    """
    document = folder / "joined.json"
    document.write_text(json.dumps(joined(fetch(url))), encoding="utf-8")
    chosen = ["--generation-deterministic"] if seed is None else ["--seed", str(seed)]
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            *("--config-file", str(_CONFIG)),
            *("run", str(document), "--url", url, "--checks", "all"),
            *("--max-examples", str(examples), "--continue-on-failure", "--no-color"),
            # NUL is refused in every string; a pattern in each of them would say so to nobody.
            *("--generation-allow-x00", "false"),
            *chosen,
            *options,
        ],
        cwd=_ROOT,
        env={**os.environ, "FUZZING_URL": url, "SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
