"""Questions that a bot's workflow asks the user, for LangGraph: ask, pause, go on.

A question node of a workflow pauses the chat until the user has answered. It is no tool: the
question is the text of the message, `finish_reason` is `question`, and the next human message is
the answer. In a graph, `ask_user` pauses with LangGraph's `interrupt()` until somebody resumes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage


class Question(TypedDict):
    """What a bot wants to know of the user.

    Attributes:
        id: Which question; `""` if a workflow paused without naming one.
        text: The question.
    """

    id: str
    text: str


def questions_of(message: BaseMessage) -> list[Question]:
    """Return what a message asks the user; empty for other messages.

    Args:
        message: An answer of `ChatCoze`.

    Example:
        >>> questions_of(AIMessage("hello"))
        []
    """
    from coze_core.dialog import Marker

    if not isinstance(message, AIMessage):
        return []
    marker = Marker.read(message.response_metadata.get("coze"))
    if marker is None:
        return []
    if marker.interrupted:
        return [Question(id="", text=message.text)]
    return [Question(id=call.id, text=str(call.question)) for call in marker.questions]


def open_questions(messages: Sequence[BaseMessage]) -> list[Question]:
    """Return what the newest answer asks and nobody has answered yet.

    Args:
        messages: The history.
    """
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            return []
        if isinstance(message, AIMessage):
            return questions_of(message)
    return []


def needs_user(state: Mapping[str, Any]) -> bool:
    """Say whether a graph has to ask the user before it goes on; for a conditional edge.

    Args:
        state: The graph's state, with `messages`.
    """
    return bool(open_questions(state["messages"]))


def ask_user(state: Mapping[str, Any]) -> dict[str, list[BaseMessage]]:
    """Ask the user what the bot wants to know: a node of a LangGraph graph.

    It interrupts with `{"questions": [{"id", "text"}, ...]}`. Resume with `Command(resume=...)`:
    the answer, or for several questions a list of answers or a mapping from id to answer.

    Args:
        state: The graph's state, with `messages`.

    Returns:
        The answers, as messages to add.

    Raises:
        ValueError: Not as many answers as questions.
        ImportError: LangGraph is not installed.

    Example:
        >>> graph.add_node("ask", ask_user)  # doctest: +SKIP
        >>> graph.add_conditional_edges(
        ...     "model", needs_user, {True: "ask", False: END}
        ... )  # doctest: +SKIP
    """
    # Only graphs need it, so it is no dependency of the package.
    from langgraph.types import interrupt

    questions = open_questions(state["messages"])
    if not questions:
        return {"messages": []}
    return {"messages": answers_to(questions, interrupt({"questions": questions}))}


def answers_to(questions: Sequence[Question], answers: Any) -> list[BaseMessage]:
    """Return the messages that answer questions.

    Args:
        questions: The questions.
        answers: One answer, a list of them in the same order, or a mapping from id to answer.

    Raises:
        ValueError: Not as many answers as questions.

    Example:
        >>> answers_to([{"id": "1", "text": "Where?"}], "Paris")[0].content
        'Paris'
    """
    if isinstance(answers, Mapping):
        missing = [question["text"] for question in questions if question["id"] not in answers]
        if missing:
            raise ValueError(f"no answer to: {'; '.join(missing)}")
        found = [answers[question["id"]] for question in questions]
    else:
        found = list(answers) if isinstance(answers, list | tuple) else [answers]
    if len(found) != len(questions):
        raise ValueError(f"there are {len(questions)} questions and {len(found)} answers")
    return [HumanMessage(str(answer)) for answer in found]
