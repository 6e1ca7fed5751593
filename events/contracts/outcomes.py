"""What may become of an event."""

from __future__ import annotations

from typing import Literal

# Took effect; refused by a rule; set aside as, or behind, a dead letter.
Outcome = Literal["applied", "rejected", "parked"]
