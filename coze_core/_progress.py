"""A progress bar for documents that are being processed; tqdm is asked for only here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from coze_core._dataset_models import DocumentProgress


def progress_bar(**options: Any) -> Callable[[Sequence[DocumentProgress]], None]:
    """Return a progress bar for `documents.create_and_wait(on_progress=...)`.

    Args:
        options: Passed on to `tqdm`, such as `desc` or `leave`.

    Raises:
        ImportError: If tqdm is not installed.

    Example:
        >>> client.datasets.documents.create_and_wait(
        ...     dataset_id="7385", documents=documents, on_progress=progress_bar(desc="Handbook")
        ... )  # doctest: +SKIP
    """
    try:
        tqdm: Any = importlib.import_module("tqdm").tqdm
    except ModuleNotFoundError as error:
        raise ImportError(
            "progress_bar() needs tqdm: pip install tqdm / 请先安装：pip install tqdm"
        ) from error
    bars: list[Any] = []  # made with the first news, when the number of documents is known

    def show(progresses: Sequence[DocumentProgress]) -> None:
        if not bars:
            usual = {"total": 100 * len(progresses), "desc": "documents", "unit": "%"}
            bars.append(tqdm(**{**usual, **options}))
        bar = bars[0]
        bar.n = sum(100 if item.ended else item.progress or 0 for item in progresses)
        bar.refresh()
        if progresses and all(item.ended for item in progresses):
            bar.close()
            bars.clear()

    return show
