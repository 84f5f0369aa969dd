"""What every framework adapter needs, framework-neutral: from a message history to a request."""

from coze_core.dialog._history import CallEntry, Entry
from coze_core.dialog._plan import MAX_MESSAGES, NewChat, PlanOptions, plan
from coze_core.dialog._stop import StopMatcher

__all__ = ["MAX_MESSAGES", "CallEntry", "Entry", "NewChat", "PlanOptions", "StopMatcher", "plan"]
