"""For agents made with `langchain.agents.create_agent`; needs the package `langchain`."""

from __future__ import annotations

from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState, hook_config

from langchain_coze.questions import ask_user, needs_user, questions_of


class QuestionMiddleware(AgentMiddleware[Any, Any, Any]):
    """Lets an agent pause when the bot's workflow asks the user something.

    The agent interrupts with the questions; resume it with `Command(resume=...)`, see
    `langchain_coze.questions.ask_user`. Without this middleware the question ends the run and the
    next human message answers it.

    Example:
        >>> create_agent(
        ...     model, tools, middleware=[QuestionMiddleware()], checkpointer=saver
        ... )  # doctest: +SKIP
    """

    def before_model(self, state: AgentState[Any], runtime: Any) -> dict[str, Any] | None:
        """Ask the user before the bot is asked to go on.

        Args:
            state: The agent's state.
            runtime: LangGraph's runtime; not used.
        """
        del runtime
        return dict(ask_user(state)) if needs_user(state) else None

    async def abefore_model(self, state: AgentState[Any], runtime: Any) -> dict[str, Any] | None:
        """Ask the user before the bot is asked to go on.

        Args:
            state: The agent's state.
            runtime: LangGraph's runtime; not used.
        """
        return self.before_model(state, runtime)

    @hook_config(can_jump_to=["model"])
    def after_model(self, state: AgentState[Any], runtime: Any) -> dict[str, Any] | None:
        """Keep the agent going when the bot's last message is a question.

        Args:
            state: The agent's state.
            runtime: LangGraph's runtime; not used.
        """
        del runtime
        last = state["messages"][-1]
        waits = questions_of(last) and not getattr(last, "tool_calls", None)
        return {"jump_to": "model"} if waits else None

    @hook_config(can_jump_to=["model"])
    async def aafter_model(self, state: AgentState[Any], runtime: Any) -> dict[str, Any] | None:
        """Keep the agent going when the bot's last message is a question.

        Args:
            state: The agent's state.
            runtime: LangGraph's runtime; not used.
        """
        return self.after_model(state, runtime)
