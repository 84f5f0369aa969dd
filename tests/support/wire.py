"""A server that says exactly the bytes a test wants, when it wants, on a loopback socket."""

import contextlib
import json
import socket
import threading

CHAT = {"id": "77", "conversation_id": "88", "bot_id": "1", "status": "in_progress"}
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
END = b"0\r\n\r\n"


class RawServer:
    """Answers each request with `answer(connection, request, number)`, which may take its time.

    The connection is kept if it returns True. `requests` has the head and body of each.
    """

    def __init__(self, answer, tls=None):
        self.requests = []
        self._answer = answer
        self._tls = tls
        self._connections = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._socket.close()
        for thread, connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    @property
    def connections(self):
        """How many connections there have been."""
        return len(self._connections)

    def to(self, path):
        """The requests to a path."""
        return [request for request in self.requests if request.split(b" ", 2)[1] == path.encode()]

    def _accept(self):
        with contextlib.suppress(OSError):  # the socket was closed
            while True:
                connection, _ = self._socket.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._connections.append((thread, connection))
                thread.start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                while request := _read(connection):
                    self.requests.append(request)
                    if not self._answer(connection, request, len(self.requests) - 1):
                        return


def _read(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return b""
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(body, status="200 OK", headers=""):
    """A whole reply."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


def chunk(block):
    """One block of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(block), block)


def event(name, data):
    """One event as the cloud sends it."""
    if not isinstance(data, str):
        data = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event:{name}\ndata:{data}\n\n".encode()


def message(name, text, id="m1", **fields):
    """An event about a message."""
    fields = {"type": "answer", "content": text, "content_type": "text", **fields}
    ids = {"id": id, "conversation_id": "88", "chat_id": "77", "role": "assistant"}
    return event(f"conversation.message.{name}", {**ids, **fields})


def delta(text, id="m1", **fields):
    """A piece of an answer."""
    return message("delta", text, id, **fields)


def completed(text, id="m1", **fields):
    """A whole answer."""
    return message("completed", text, id, **fields)


def chat_event(name, /, **fields):
    """An event about the chat."""
    return event(f"conversation.chat.{name}", {**CHAT, "status": name, **fields})


CREATED = chat_event("created")
COMPLETED = chat_event("completed")
DONE = b'event:done\ndata:"[DONE]"\n\n'
