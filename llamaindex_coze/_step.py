"""What LlamaIndex keeps for a step of a workflow that waits, and begins anew with the answer.

It keeps those it waits for, its waiters, with the workflow's other things, in another process too,
until the step has come to its end. Notes can be kept among them: a waiter whose event never comes.
"""

from __future__ import annotations

from llama_index.core.workflow import Event, StopEvent
from workflows.runtime.types.results import (
    AddWaiter,
    DeleteWaiter,
    StepWorkerContext,
    StepWorkerStateContextVar,
)


class Step:
    """The step of a workflow that is at work, as it was when it began.

    Args:
        inside: What LlamaIndex tells of it.
    """

    def __init__(self, inside: StepWorkerContext) -> None:
        self._inside = inside

    @classmethod
    def here(cls) -> Step | None:
        """Return the step that is at work, or None outside of one."""
        try:
            return cls(StepWorkerStateContextVar.get())
        except LookupError:
            return None

    @property
    def number(self) -> int:
        """Tells it from the same step when it is at work once more."""
        return id(self._inside)

    @property
    def work_item(self) -> str | None:
        """Which of the calls that run at once this is, as far as this version tells."""
        return getattr(self._inside.state, "work_item_id", None)

    def waiters(self, prefix: str) -> list[str]:
        """Return the ids that begin so, the oldest first."""
        ids = (waiter.waiter_id for waiter in self._inside.state.collected_waiters)
        return [each for each in ids if each.startswith(prefix)]

    def answered(self, prefix: str) -> list[str]:
        """Return those of them whose answer has come, as far as it has not been used up."""
        waiters = self._inside.state.collected_waiters
        come = {each.waiter_id for each in waiters if each.resolved_event is not None}
        return [each for each in self.waiters(prefix) if each in come]

    def note(self, waiter_id: str) -> None:
        """Keep a note, or make one of a waiter that has been answered, until the step ends.

        What is answered must not stay as it was: where the workflow is taken up again, LlamaIndex
        begins a step anew for each waiter, and any answer would do for those that are no more
        waited for.
        """
        # Nobody sends this event to a step; and a store that takes only listed types takes it.
        never = AddWaiter[Event](waiter_id=waiter_id, event_type=StopEvent)
        self._inside.returns.return_values.append(never)
        self.drop(waiter_id)

    def drop(self, waiter_id: str) -> None:
        """Forget a waiter when the step ends: until then LlamaIndex does not heed this."""
        self._inside.returns.return_values.append(DeleteWaiter(waiter_id=waiter_id))
