"""Whether Python and the packages are of versions that are known to work."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coze_core._version import __version__
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, ok, warning

# What an extra is for; the others are small.
_SHOWN: Final = ("langchain", "llamaindex", "openai", "emulator", "oauth")
_REQUIREMENT: Final = re.compile(
    r"(?P<name>[\w.-]+)\s*(?:\[[^\]]*\])?\s*(?P<spec>[^;]*)(?:;.*extra\s*==\s*['\"](?P<extra>\w+))?"
)
_BOUND: Final = re.compile(r"\s*(>=|<=|<|>|==)\s*([\w.]+)\s*")


@dataclass(frozen=True, slots=True)
class Package:
    """One package that is asked for.

    Attributes:
        name: Its name.
        spec: The versions that work, such as `>=1.7,<2`.
        extra: The extra that asks for it; `""` if it is always needed.
        installed: The version that is there; None if it is not.
    """

    name: str
    spec: str
    extra: str
    installed: str | None


def run(patient: Patient) -> Result:
    """Check the versions."""
    del patient
    return judge(platform.python_version(), probe())


def probe() -> list[Package]:
    """Return the packages that our own metadata asks for, and what is there of them."""
    try:
        lines = importlib.metadata.requires("coze-bridge") or []
    except importlib.metadata.PackageNotFoundError:  # run from its source
        lines = []
    found = []
    for line in lines:
        match = _REQUIREMENT.match(line)
        if match is not None and match["extra"] != "all":
            name, spec = match["name"], match["spec"].strip(" ()")
            found.append(Package(name, spec, match["extra"] or "", _installed(name)))
    return found


def judge(python: str, packages: Sequence[Package]) -> Result:
    """Say whether the versions fit."""
    about = f"Python {python}, coze-bridge {__version__}"
    wrong = [known for known in packages if known.installed and not fits(known)]
    if wrong:
        told = ", ".join(f"{p.name} {p.installed} (wanted {p.spec})" for p in wrong)
        names = " ".join(f"'{p.name}{p.spec}'" for p in wrong)
        return warning(
            f"{about}; versions that are not known to work: {told}",
            f"Run: pip install {names}",
            f"版本不在支持范围内，请运行：pip install {names}",
        )
    lost = {known.extra for known in packages if known.extra and known.installed is None}
    missing = [extra for extra in _SHOWN if extra in lost]
    there = [f"{p.name} {p.installed}" for p in packages if p.installed and p.extra in _SHOWN[:2]]
    parts = [about, *dict.fromkeys(there)]
    if missing:
        parts.append(f"extras not installed: {', '.join(missing)}")
    return ok("; ".join(parts))


def fits(package: Package) -> bool:
    """Whether the version that is there is one that works."""
    bounds = _BOUND.findall(package.spec)
    return all(_holds(package.installed or "", sign, bound) for sign, bound in bounds)


def _holds(version: str, sign: str, bound: str) -> bool:
    left, right = _numbers(version), _numbers(bound)
    width = max(len(left), len(right))
    left += (0,) * (width - len(left))
    right += (0,) * (width - len(right))
    if sign == "==":
        return left == right
    if sign.startswith(">"):
        return left > right or (left == right and sign == ">=")
    return left < right or (left == right and sign == "<=")


def _numbers(version: str) -> tuple[int, ...]:
    head = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in head[0].split(".")) if head else ()


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
