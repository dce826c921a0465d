"""What files say of their siblings: external weights, tensors in an archive.

A file that no parser knows is understood if its siblings account for every byte of it. A claim changes nothing else: a
file that some parser reads, or about which there is a finding, is judged as if nobody claimed it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from casemate.threats.supply_chain.coverage import Coverage
from casemate.threats.supply_chain.report import Claim


def beside(claimant: str, path: str) -> str | None:
    """The path that a claim means, from the folder both lie in; None if it leads out of the claimant's own folder.

    Example:
        >>> beside("archive/data.pkl", "data/0")
        'archive/data/0'
        >>> beside("model.onnx", "../secret") is None
        True
    """
    plain = posixpath.normpath(path.replace("\\", "/")) if path else ".."
    if plain.startswith(("/", "..")) or plain[1:2] == ":" or "\0" in plain:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(claimant), plain))


@dataclass(frozen=True)
class Complaint:
    """A claim that cannot hold.

    Attributes:
        claimant: whose it is.
        fact: the kind of fact.
        message: what is wrong.
        target: the path as the claimant writes it.
    """

    claimant: str
    fact: str
    message: str
    target: str


@dataclass
class Siblings:
    """The files of one folder or archive, by their paths in it.

    Attributes:
        made: the claims that stay inside, by the path that they mean.
        complaints: those that do not.
    """

    made: dict[str, list[tuple[str, Claim]]] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)

    def hear(self, claimant: str, claims: Iterable[Claim]) -> None:
        """Take down what one file claims."""
        for claim in claims:
            path = beside(claimant, claim.path)
            if path is None:
                message = f"{claimant or 'it'} takes {claim.what} from outside its folder: {claim.path}"
                self.complaints.append(Complaint(claimant, "file.claim-outside", message, claim.path))
            else:
                self.made.setdefault(path, []).append((claimant, claim))

    def missing(self, sizes: Mapping[str, int]) -> list[Complaint]:
        """Claims on files that are not there, or are too short. ``sizes``: bytes by path."""
        found = []
        for path, claims in self.made.items():
            for claimant, claim in claims:
                end = claim.at + (claim.count or 0)
                if path not in sizes:
                    message = f"{claimant or 'it'} takes {claim.what} from {claim.path}, which is not there"
                elif end > sizes[path] and not (claim.vacant and sizes[path] == 0):
                    message = f"{claimant or 'it'} takes {claim.what} from byte {end} of {claim.path}, which is shorter"
                else:
                    continue
                found.append(Complaint(claimant, "file.claim-missing", message, claim.path))
        return found

    def account(self, path: str, size: int) -> tuple[str, str]:
        """What the siblings say a file is, and why that is not all of it ("" if it is).

        ``("", "")`` if nobody claims the file.
        """
        claims = self.made.get(path, [])
        if not claims:
            return "", ""
        coverage = Coverage(size)
        for _, claim in claims:
            coverage.claim(claim.at, size if claim.count is None else claim.count)
        whats = list(dict.fromkeys(claim.what for _, claim in claims))
        what = ", ".join(whats[:3]) + (f" and {len(whats) - 3} more" if len(whats) > 3 else "")
        gaps = coverage.gaps()
        if not gaps:
            return what, ""
        lost = sum(stop - start for start, stop in gaps)
        return what, f"{lost} of its bytes are claimed by no file beside it (first at byte {gaps[0][0]})"
