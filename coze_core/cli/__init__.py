"""The command line `coze`; typer and rich (extra `cli`) are imported by this package only."""

from __future__ import annotations

import sys

__all__ = ["main"]

_MISSING = (
    "The command line needs two more packages: pip install 'coze-bridge[cli]'\n"
    "命令行需要额外的依赖：pip install 'coze-bridge[cli]'\n"
)


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        from coze_core.cli._app import app  # what it needs may not be there: then say so
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich"}:
            raise
        sys.stderr.write(_MISSING)
        raise SystemExit(1) from None
    app(prog_name="coze")
