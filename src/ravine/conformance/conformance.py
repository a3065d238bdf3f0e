"""The findings of all checks of one thing."""

from __future__ import annotations

from dataclasses import dataclass

from ravine.conformance.finding import Finding
from ravine.html import heading, table


@dataclass(frozen=True)
class Conformance:
    """The findings of all checks of an optimizer, a surface or a schedule; printed, it is a table.

    Attributes:
        name: the name of the checked thing.
        summary: the first line of its docstring.
        findings: one for each check.
    """

    name: str
    summary: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(finding.outcome != "failed" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """A sentence with the number of checks and how many of them passed."""
        made = [finding.outcome for finding in self.findings if finding.outcome != "left out"]
        return f"{made.count('passed')} of {len(made)} checks passed."

    def __str__(self) -> str:
        return "\n".join([f"{self.name}: {self.summary}", *map(str, self.findings), self.verdict])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [(f.check, f.outcome, f"{f.detail}. {f.mend}" if f.mend else f.detail) for f in self.findings]
        return heading(f"{self.name}: {self.verdict}", self.summary) + table(("check", "outcome", "detail"), rows)
