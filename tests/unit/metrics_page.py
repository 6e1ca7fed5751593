"""The table of docs/metrics.md, made from the catalogue; `scripts/metrics` writes it."""

from __future__ import annotations

from pathlib import Path

from runtime.metrics import CATALOGUE, Metric

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
_BEGIN, _END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def table() -> str:
    """Return the table, in Markdown."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {_labels(metric)} | {metric.help} |"
        for metric in CATALOGUE.values()
    ]
    return "\n".join(["| metric | kind | labels | says |", "|---|---|---|---|", *rows]) + "\n"


def _labels(metric: Metric) -> str:
    return "; ".join(
        f"`{label}`: {', '.join(f'`{value}`' for value in metric.values[label])}"
        if label in metric.values
        else f"`{label}`"
        for label in metric.labels
    )


def main() -> None:
    """Write the table into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n{table()}\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
