"""Tables as plain lines: never folded, so that what is in them can be copied, cut and searched."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.words import printable

Cell = str | int | None


def table(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return lines of columns, numbers to the right; None is nothing."""
    written = [[_written(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *written, strict=True)]
    numbers = [all(isinstance(row[n], int | None) for row in rows) for n in range(len(titles))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in (list(titles), *written)
    )


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    # A cell is one line.
    return f"{cell:,}" if isinstance(cell, int) else printable(cell).replace("\n", "\\n")
