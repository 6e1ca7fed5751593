"""Every problem that a client can meet, in one table: what happened, and what helps."""

from __future__ import annotations

from types import MappingProxyType

from web.catalogue.http import HTTP
from web.catalogue.problem import Problem
from web.catalogue.services import ALL_SERVICES, AUTH, COMMANDS, QUERIES

__all__ = ["BY_STATUS", "CATALOGUE", "Problem"]

CATALOGUE: MappingProxyType[str, Problem] = MappingProxyType(
    {problem.slug: problem for problem in (*HTTP, *ALL_SERVICES, *AUTH, *COMMANDS, *QUERIES)}
)
BY_STATUS: MappingProxyType[int, Problem] = MappingProxyType(
    {problem.status: problem for problem in HTTP}
)
