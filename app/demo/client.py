"""The demo as a user of the API: logs in, submits over REST, follows over the WebSocket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import websockets.exceptions
import websockets.sync.client

_FINAL = {"COMPLETED", "FAILED", "CANCELLED"}


class ApiError(Exception):
    """The API refused or did not answer; the text is its sentence."""


class Client:
    """A logged-in session at http://HOST:PORT."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30)
        self._socket_url = base_url.replace("http", "ws", 1) + "/ws"
        self._token = ""

    def wait_until_ready(self, check: Callable[[], None], seconds: float = 60) -> None:
        """Until the API answers ready; `check` may raise to give up early."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            check()
            try:
                if self._http.get("/api/v1/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass  # not listening yet: the loop asks again until its time is over
            time.sleep(0.1)
        raise ApiError(f"the API was not ready within {seconds:.0f} s")

    def login(self, user: str, password: str) -> None:
        data = self.call("POST", "/api/v1/auth/login", {"username": user, "password": password})
        self._token = data["access_token"]
        self._http.headers["Authorization"] = f"Bearer {self._token}"

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The `data` of the envelope; ApiError with its `message` when `success` is false."""
        answer = self._http.request(method, path, json=body)
        envelope = answer.json()
        if not envelope["success"]:
            raise ApiError(f"{method} {path}: {answer.status_code} {envelope['message']}")
        return envelope["data"]

    def follow(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Each state of the job as the server pushes it, the last one final; heals a cut socket."""
        version = 0
        while True:
            try:
                for message in self._messages(job_id, version):
                    version = max(version, message.get("version", 0))
                    yield message
                    if message["status"] in _FINAL:
                        return
            except (websockets.exceptions.ConnectionClosed, OSError, TimeoutError):
                job = self.call("GET", f"/api/v1/jobs/{job_id}")
                if job["status"] in _FINAL:
                    yield {"job_id": job_id, "status": job["status"], "progress": 100.0, "current_step": ""}
                    return
                time.sleep(0.5)

    def _messages(self, job_id: str, version: int) -> Iterator[dict[str, Any]]:
        with websockets.sync.client.connect(self._socket_url, open_timeout=10) as socket:
            socket.send(json.dumps({"type": "auth", "token": self._token}))
            socket.send(json.dumps({"type": "subscribe", "topic": f"job:{job_id}", "last_version": version}))
            while True:
                message = json.loads(socket.recv(timeout=30))
                if message.get("type") == "error":
                    raise ApiError(str(message["message"]))
                if message.get("type") == "job":
                    yield message
