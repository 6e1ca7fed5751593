"""Reads every version of a payload ever written: old ones are upcast, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from events.contracts.base import Event, Payload, PoisonEventError
from runtime.words import unquoted

# A pure function: the payload of one version in, that of the next version out.
Upcaster = Callable[[Payload], Payload]
# By type and the version that it takes.
Upcasters = dict[tuple[str, int], Upcaster]

_REGISTERED: Upcasters = {}


def upcasts(
    event_type: str, *, from_version: int, registry: Upcasters = _REGISTERED
) -> Callable[[Upcaster], Upcaster]:
    """Register the decorated function as what makes the next version of such a payload.

    Raises:
        ValueError: There is one already.
    """

    def register(upcaster: Upcaster) -> Upcaster:
        if registry.setdefault((event_type, from_version), upcaster) is not upcaster:
            raise ValueError(f"{event_type}.v{from_version} has an upcaster already")
        return upcaster

    return register


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Reads the payloads of one version of a type as its current contract.

    Attributes:
        contract: The current contract.
        version: The version that it reads.
        upcasters: What makes it current, in order; nothing for the current version.
    """

    contract: type[Event]
    version: int
    upcasters: tuple[Upcaster, ...]

    def read(self, payload: Payload) -> Event:
        """Return the event.

        Raises:
            PoisonEventError: A field is missing or unusable.
        """
        try:
            for upcast in self.upcasters:
                payload = upcast(payload)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            name = f"{self.contract.TYPE}.v{self.version}"
            # But for the name of a field, what it quotes may be what somebody wrote.
            why = repr(error) if isinstance(error, KeyError) else unquoted(str(error))
            raise PoisonEventError(f"a payload of {name} cannot be upcast: {why}") from error
        return self.contract.from_payload(payload)


def readers(
    contracts: Iterable[type[Event]], upcasters: Upcasters = _REGISTERED
) -> dict[str, Reader]:
    """Return what reads each version of `contracts`, from the first to the current, by type name.

    Raises:
        ValueError: A version has no upcaster, or one belongs to no old version of `contracts`.
    """
    made: dict[str, Reader] = {}
    unused = set(upcasters)
    for contract in contracts:
        for version in range(1, contract.VERSION + 1):
            steps = [(contract.TYPE, step) for step in range(version, contract.VERSION)]
            if missing := [step for step in steps if step not in upcasters]:
                raise ValueError("no upcaster from {}.v{}".format(*missing[0]))
            unused.difference_update(steps)
            chain = tuple(upcasters[step] for step in steps)
            name = f"{contract.TYPE}.v{version}"
            made[name] = Reader(contract=contract, version=version, upcasters=chain)
    if unused:
        raise ValueError("an upcaster from {}.v{}, which nothing writes".format(*min(unused)))
    return made
