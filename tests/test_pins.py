"""What an environment installs is pinned: a release of somebody else must not break our tests."""

import os
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# `make test-oldest` names the file that its environment was made with.
CONSTRAINTS = ROOT / os.environ.get("COZE_CONSTRAINTS", "constraints.txt")


def _pins() -> dict[str, str]:
    lines = [line.strip() for line in CONSTRAINTS.read_text().splitlines()]
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def _named() -> Iterator[Requirement]:
    """What pyproject.toml asks for itself, in every extra and in the group of the tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    extras = project["project"]["optional-dependencies"].values()
    for lines in (project["project"]["dependencies"], *extras, groups["dev"], groups["notebooks"]):
        yield from (Requirement(line) for line in lines if isinstance(line, str))


def _installed() -> dict[str, str]:
    """The versions of all that the requirements lead to, as far as it is installed here."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(_named())
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                distribution = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                continue  # of another platform, or of an extra that this environment goes without
            found[name] = distribution.version
            needs = [Requirement(line) for line in distribution.requires or ()]
            waiting += [
                one for one in needs if not one.marker or one.marker.evaluate({"extra": extra})
            ]
    return {
        name: version
        for name, version in found.items()
        if name not in ("coze-bridge", "setuptools")
    }


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems install some packages of their own"
)
def test_every_installed_package_is_pinned_at_its_version() -> None:
    pins = _pins()
    installed = _installed()
    assert len(installed) > 50, "the walk over the requirements has found too little to be right"
    assert {name: version for name, version in installed.items() if pins.get(name) != version} == {}
