"""What a check came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found.

    Attributes:
        status: `ok`, `warning`, `failed` or `skipped`.
        found: What was found.
        fix_en: What to do about it, in English.
        fix_zh: The same in Chinese.
        name: The check.
        blocked: Whether it was skipped because of an earlier failure.
    """

    status: Status
    found: str
    fix_en: str = ""
    fix_zh: str = ""
    name: str = ""
    blocked: bool = False

    @property
    def stops(self) -> bool:
        """Whether checks that need this one make no sense."""
        return self.status == "failed" or self.blocked


def ok(found: str) -> Result:
    """Return that all is well."""
    return Result("ok", found)


def warning(found: str, fix_en: str = "", fix_zh: str = "") -> Result:
    """Return that something may bite later."""
    return Result("warning", found, fix_en, fix_zh)


def failed(found: str, fix_en: str, fix_zh: str) -> Result:
    """Return what is broken, and how to mend it."""
    return Result("failed", found, fix_en, fix_zh)


def skipped(found: str) -> Result:
    """Return that there was nothing to check."""
    return Result("skipped", found)
