"""The binding tables: which operation is which method, on each client."""

from __future__ import annotations

from coze_core import _v2 as v2
from coze_core._binding import (
    AsyncResource,
    AsyncRuns,
    Resource,
    Runs,
    async_paging,
    async_signing_in,
    async_speaking,
    async_streaming,
    awaiting,
    blocking,
    paging,
    signing_in,
    speaking,
    streaming,
)
from coze_core._endpoints import (
    account,
    audio,
    bots,
    chat,
    conversations,
    datasets,
    documents,
    files,
    messages,
    oauth,
    variables,
)


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


class V2Chats(Chats):
    """Chats of the old version 2, where one request brings the whole answer."""

    create_and_poll = blocking(v2.create_and_poll)


class AsyncV2Chats(AsyncChats):
    """Chats of the old version 2, where one request brings the whole answer."""

    create_and_poll = awaiting(v2.create_and_poll)


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


class Bots(Resource):
    """Bots."""

    retrieve = blocking(bots.retrieve)
    retrieve_published = blocking(bots.retrieve_published)
    list = paging(bots.list)
    list_published = paging(bots.list_published)


class AsyncBots(AsyncResource):
    """Bots."""

    retrieve = awaiting(bots.retrieve)
    retrieve_published = awaiting(bots.retrieve_published)
    list = async_paging(bots.list)
    list_published = async_paging(bots.list_published)


class Workspaces(Resource):
    """Workspaces."""

    list = paging(account.list_workspaces)


class AsyncWorkspaces(AsyncResource):
    """Workspaces."""

    list = async_paging(account.list_workspaces)


class Users(Resource):
    """The account behind the token."""

    me = blocking(account.me)


class AsyncUsers(AsyncResource):
    """The account behind the token."""

    me = awaiting(account.me)


class OAuth(Resource):
    """Signing in with the client's credential."""

    sign_in = signing_in(oauth.sign_in)
    exchange = signing_in(oauth.exchange)
    device_code = signing_in(oauth.device_code)
    wait_for_user = signing_in(oauth.wait_for_user)
    sign_out = signing_in(oauth.sign_out)


class AsyncOAuth(AsyncResource):
    """Signing in with the client's credential."""

    sign_in = async_signing_in(oauth.sign_in)
    exchange = async_signing_in(oauth.exchange)
    device_code = async_signing_in(oauth.device_code)
    wait_for_user = async_signing_in(oauth.wait_for_user)
    sign_out = async_signing_in(oauth.sign_out)


class Variables(Resource):
    """What bots and apps keep of each user."""

    get = blocking(variables.get)
    set = blocking(variables.set)


class AsyncVariables(AsyncResource):
    """What bots and apps keep of each user."""

    get = awaiting(variables.get)
    set = awaiting(variables.set)


class Documents(Resource):
    """The documents of datasets."""

    create = blocking(documents.create)
    create_and_wait = blocking(documents.create_and_wait)
    list = paging(documents.list_documents)
    update = blocking(documents.update)
    delete = blocking(documents.delete)


class AsyncDocuments(AsyncResource):
    """The documents of datasets."""

    create = awaiting(documents.create)
    create_and_wait = awaiting(documents.create_and_wait)
    list = async_paging(documents.list_documents)
    update = awaiting(documents.update)
    delete = awaiting(documents.delete)


class DatasetImages(Resource):
    """The images of datasets."""

    list = paging(datasets.list_images)
    update = blocking(datasets.update_image)


class AsyncDatasetImages(AsyncResource):
    """The images of datasets."""

    list = async_paging(datasets.list_images)
    update = awaiting(datasets.update_image)


class Datasets(Resource):
    """Datasets: the knowledge that bots recall from."""

    def __init__(self, client: Runs) -> None:
        super().__init__(client)
        self.documents = Documents(client)
        self.images = DatasetImages(client)

    create = blocking(datasets.create)
    list = paging(datasets.list)
    update = blocking(datasets.update)
    delete = blocking(datasets.delete)
    progress = blocking(documents.progress)


class AsyncDatasets(AsyncResource):
    """Datasets: the knowledge that bots recall from."""

    def __init__(self, client: AsyncRuns) -> None:
        super().__init__(client)
        self.documents = AsyncDocuments(client)
        self.images = AsyncDatasetImages(client)

    create = awaiting(datasets.create)
    list = async_paging(datasets.list)
    update = awaiting(datasets.update)
    delete = awaiting(datasets.delete)
    progress = awaiting(documents.progress)


class Transcriptions(Resource):
    """What is said in recordings."""

    create = blocking(audio.transcribe)


class AsyncTranscriptions(AsyncResource):
    """What is said in recordings."""

    create = awaiting(audio.transcribe)


class Voices(Resource):
    """The voices that speech can have."""

    list = paging(audio.list_voices)
    clone = blocking(audio.clone_voice)


class AsyncVoices(AsyncResource):
    """The voices that speech can have."""

    list = async_paging(audio.list_voices)
    clone = awaiting(audio.clone_voice)


class Rooms(Resource):
    """Rooms for spoken conversations."""

    create = blocking(audio.create_room)


class AsyncRooms(AsyncResource):
    """Rooms for spoken conversations."""

    create = awaiting(audio.create_room)


class Audio(Resource):
    """Sound: speech, recognition, voices and rooms."""

    def __init__(self, client: Runs) -> None:
        super().__init__(client)
        self.transcriptions = Transcriptions(client)
        self.voices = Voices(client)
        self.rooms = Rooms(client)

    speech = speaking(audio.speech)


class AsyncAudio(AsyncResource):
    """Sound: speech, recognition, voices and rooms."""

    def __init__(self, client: AsyncRuns) -> None:
        super().__init__(client)
        self.transcriptions = AsyncTranscriptions(client)
        self.voices = AsyncVoices(client)
        self.rooms = AsyncRooms(client)

    speech = async_speaking(audio.speech)
