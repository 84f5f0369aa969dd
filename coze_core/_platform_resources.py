"""The binding tables of all but chats and workflows: which operation is which method."""

from __future__ import annotations

from coze_core._binding import (
    AsyncResource,
    AsyncRuns,
    Resource,
    Runs,
    async_paging,
    async_signing_in,
    async_speaking,
    awaiting,
    blocking,
    paging,
    signing_in,
    speaking,
)
from coze_core._endpoints import account, audio, bots, datasets, documents, oauth, variables


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
