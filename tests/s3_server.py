"""A real S3-compatible server, moto's, as a process of its own that tests start and stop.

Run as a program it serves on a free port until it is killed. SIGUSR1 closes the port, as if the
machine had gone, and SIGUSR2 opens it again with the same objects.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from urllib.request import Request, urlopen

BUCKET = "bucket"


class S3Server:
    """The server, and how to reach it.

    Attributes:
        url: of its API.
        environment: the variables with which S3 clients find it.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.url = self._answer()
        self.environment = {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def reset(self) -> None:
        """Forget everything, and make one empty bucket; credentials are not checked."""
        self._post("/moto-api/reset")
        self._post("/moto-api/reset-auth", b"inf")
        urlopen(Request(f"{self.url}/{BUCKET}", method="PUT")).close()

    def check_credentials(self) -> None:
        """Refuse from now on whoever is not known, which is everybody."""
        self._post("/moto-api/reset-auth", b"0")

    def go(self) -> None:
        """Close the port."""
        self._process.send_signal(signal.SIGUSR1)
        self._answer()

    def come_back(self) -> None:
        """Open the port again, whoever closed it."""
        self._process.send_signal(signal.SIGUSR2)
        while self._answer() != self.url:
            pass

    def freeze(self) -> None:
        """Take connections and answer none."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Answer again."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _post(self, path: str, data: bytes = b"") -> None:
        plain = {"Content-Type": "text/plain"}  # of a form, moto sees no data
        urlopen(Request(self.url + path, data=data, headers=plain, method="POST")).close()


def serve() -> None:
    """Serve until killed; the first line of stdout is the URL, each signal adds one."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    moto = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()

    def one_at_a_time(environ: dict[str, object], start: object) -> Iterable[bytes]:
        # moto looks whether a condition holds and then writes; S3 does both in one step.
        with lock:
            return [b"".join(moto(environ, start))]

    port = 0
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
    while True:
        server = make_server("127.0.0.1", port, one_at_a_time, threaded=True)
        port = server.port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{port}", flush=True)
        signal.sigwait({signal.SIGUSR1})
        server.shutdown()
        server.server_close()
        print("gone", flush=True)
        signal.sigwait({signal.SIGUSR2})


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))  # its modules shadow none of moto's
    serve()
