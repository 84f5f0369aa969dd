"""The binding tables of chats: which operation is which method, on each client."""

from __future__ import annotations

from coze_core._binding import (
    AsyncResource,
    AsyncRuns,
    Resource,
    Runs,
    async_paging,
    async_streaming,
    awaiting,
    blocking,
    paging,
    streaming,
)
from coze_core._endpoints import chat, conversations, files, messages


class Chats(Resource):
    """Chats: ask a bot, follow what it does, answer its tool calls."""

    stream = streaming(chat.stream)
    create = blocking(chat.create)
    create_and_poll = blocking(chat.create_and_poll)
    retrieve = blocking(chat.retrieve)
    messages = blocking(chat.messages_of)
    cancel = blocking(chat.cancel)
    submit_tool_outputs = blocking(chat.submit_tool_outputs)
    stream_tool_outputs = streaming(chat.stream_tool_outputs)


class AsyncChats(AsyncResource):
    """Chats: ask a bot, follow what it does, answer its tool calls."""

    stream = async_streaming(chat.stream)
    create = awaiting(chat.create)
    create_and_poll = awaiting(chat.create_and_poll)
    retrieve = awaiting(chat.retrieve)
    messages = awaiting(chat.messages_of)
    cancel = awaiting(chat.cancel)
    submit_tool_outputs = awaiting(chat.submit_tool_outputs)
    stream_tool_outputs = async_streaming(chat.stream_tool_outputs)


class Feedback(Resource):
    """What users think of answers."""

    create = blocking(messages.create_feedback)
    delete = blocking(messages.delete_feedback)


class AsyncFeedback(AsyncResource):
    """What users think of answers."""

    create = awaiting(messages.create_feedback)
    delete = awaiting(messages.delete_feedback)


class Messages(Resource):
    """The messages of a conversation."""

    def __init__(self, client: Runs) -> None:
        super().__init__(client)
        self.feedback = Feedback(client)

    create = blocking(messages.create)
    list = paging(messages.list)
    retrieve = blocking(messages.retrieve)
    modify = blocking(messages.modify)
    delete = blocking(messages.delete)


class AsyncMessages(AsyncResource):
    """The messages of a conversation."""

    def __init__(self, client: AsyncRuns) -> None:
        super().__init__(client)
        self.feedback = AsyncFeedback(client)

    create = awaiting(messages.create)
    list = async_paging(messages.list)
    retrieve = awaiting(messages.retrieve)
    modify = awaiting(messages.modify)
    delete = awaiting(messages.delete)


class Conversations(Resource):
    """Conversations: threads of messages."""

    def __init__(self, client: Runs) -> None:
        super().__init__(client)
        self.messages = Messages(client)

    create = blocking(conversations.create)
    retrieve = blocking(conversations.retrieve)
    list = paging(conversations.list)
    rename = blocking(conversations.rename)
    delete = blocking(conversations.delete)
    clear = blocking(conversations.clear)


class AsyncConversations(AsyncResource):
    """Conversations: threads of messages."""

    def __init__(self, client: AsyncRuns) -> None:
        super().__init__(client)
        self.messages = AsyncMessages(client)

    create = awaiting(conversations.create)
    retrieve = awaiting(conversations.retrieve)
    list = async_paging(conversations.list)
    rename = awaiting(conversations.rename)
    delete = awaiting(conversations.delete)
    clear = awaiting(conversations.clear)


class Files(Resource):
    """Files that messages refer to."""

    upload = blocking(files.upload)
    retrieve = blocking(files.retrieve)


class AsyncFiles(AsyncResource):
    """Files that messages refer to."""

    upload = awaiting(files.upload)
    retrieve = awaiting(files.retrieve)
