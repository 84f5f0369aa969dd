"""A headless Chromium, driven through its own debugging pipe: no driver, nothing to download."""

import contextlib
import json
import os
import shutil
import subprocess
import sys

PROGRAM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

# The browser reads from descriptor 3 and writes to 4.
_START = """
import fcntl, os, sys
come, go = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
os.dup2(come, 3)
os.dup2(go, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Tab:
    """One open page.

    Attributes:
        problems: What the page's console has complained of.
        requests: The addresses that it has asked for.
    """

    def __init__(self, read, write):
        self._read, self._write = read, write
        self._number = 0
        self._rest = b""
        self._session = None
        self.problems = []
        self.requests = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def _call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    def _next(self):
        while b"\0" not in self._rest:
            block = os.read(self._read, 1 << 16)
            assert block, "the browser has ended"
            self._rest += block
        text, _, self._rest = self._rest.partition(b"\0")
        told = json.loads(text)
        params = told.get("params", {})
        if told.get("method") == "Log.entryAdded":
            if params["entry"]["level"] in {"warning", "error"}:
                self.problems.append(params["entry"]["text"])
        elif told.get("method") == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"]["text"])
        elif told.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        return told

    def open(self, url):
        self._call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, code):
        """Run code in the page and return what comes of it."""
        done = self._call(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, condition):
        """Wait until a condition holds; the page is looked at whenever it changes."""
        return self.run(
            f"""new Promise((resolve) => {{
                const look = () => ({condition}) ? resolve(true) : requestAnimationFrame(look);
                look();
            }})"""
        )


@contextlib.contextmanager
def tab(folder):
    """Open a page in a new browser."""
    ours_in, theirs_out = os.pipe()
    theirs_in, ours_out = os.pipe()
    command = [
        PROGRAM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--lang=en-US",
        f"--user-data-dir={folder}",
        "--remote-debugging-pipe",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(theirs_in), str(theirs_out), *command],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Tab(ours_in, ours_out)
    finally:
        os.close(ours_out)
        os.close(ours_in)
        process.terminate()
        process.wait()
