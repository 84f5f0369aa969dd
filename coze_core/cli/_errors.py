"""How a command ends badly: one line on stderr, never a traceback for what we know of.

Exit codes: 1 for what Coze or the machine refused, 2 for a wrong use, 130 for Ctrl-C.
"""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperGroup

from coze_core._errors import CozeError
from coze_core.cli._output import plain, stderr

_FAILED: Final = 1
_MISUSED: Final = 2
_INTERRUPTED: Final = 130


class ReportingGroup(TyperGroup):
    """Commands whose errors are told in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command.

        Raises:
            Exit: With the status of what went wrong.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None
        except CozeError as error:
            report(one_line(error))
            raise typer.Exit(_FAILED) from None
        except BrokenPipeError:  # whoever read our output has had enough
            raise
        except (OSError, ImportError) as error:
            report(str(error))
            raise typer.Exit(_FAILED) from None
        except ValueError as error:
            report(str(error))
            raise typer.Exit(_MISUSED) from None


def one_line(error: CozeError) -> str:
    """Return an error with its code, log id and hints as one line."""
    told, _, hint = str(error).partition("\n") if error.hint else (str(error), "", "")
    return f"{told}. {hint}" if hint else told


def error_json(error: CozeError) -> dict[str, object]:
    """Return an error as it is told to scripts."""
    return {
        "event": "error",
        "kind": type(error).__name__,
        "message": error.message,
        "code": error.code,
        "log_id": error.log_id,
        "hint_en": error.hint_en,
        "hint_zh": error.hint_zh,
    }


def report(text: str) -> None:
    """Tell on stderr what went wrong."""
    console = stderr()
    console.print("error: ", style="bold red", end="")
    console.out(plain(" ".join(text.split())), highlight=False)
