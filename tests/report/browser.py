"""A page in a real browser: chromium, headless, driven over its own protocol. What it saw and did comes back."""

import asyncio
import base64
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@dataclass
class Seen:
    """What a page did while it was looked at."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Console messages, exceptions and the browser's own log entries."""
    answers: dict[str, Any] = field(default_factory=dict)
    screenshot: bytes = b""


def look_at(page: Path, *, width: int, dark: bool, ask: dict[str, str]) -> Seen:
    """Open a file in a window of this width, evaluate the questions (JavaScript by name), and take a picture."""
    return asyncio.run(_look_at(page, width=width, dark=dark, ask=ask))


async def _look_at(page: Path, *, width: int, dark: bool, ask: dict[str, str]) -> Seen:
    seen = Seen()
    async with (
        _browser() as address,
        aiohttp.ClientSession() as http,
        http.ws_connect(address, max_msg_size=0) as socket,
    ):
        target = await _call(socket, seen, "Target.createTarget", {"url": "about:blank"})
        attached = await _call(socket, seen, "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        session = attached["sessionId"]

        async def call(method: str, **parameters: Any) -> dict[str, Any]:
            return await _call(socket, seen, method, parameters, session=session)

        for domain in ("Page", "Runtime", "Network", "Log"):
            await call(f"{domain}.enable")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        await call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await call("Emulation.setEmulatedMedia", features=[scheme])
        await call("Page.navigate", url=page.absolute().as_uri())
        await asyncio.sleep(1.5)
        for name, question in ask.items():
            answer = await call("Runtime.evaluate", expression=question, returnByValue=True, awaitPromise=True)
            seen.answers[name] = answer["result"].get("value")
        shot = await call("Page.captureScreenshot", captureBeyondViewport=True)
        seen.screenshot = base64.b64decode(shot["data"])
    return seen


async def _call(
    socket: aiohttp.ClientWebSocketResponse, seen: Seen, method: str, parameters: dict[str, Any], session: str = ""
) -> dict[str, Any]:
    await socket.send_json(
        {"id": 1, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
    )
    while True:
        message = json.loads((await asyncio.wait_for(socket.receive(), timeout=60)).data)
        if message.get("id") == 1:
            assert "error" not in message, message
            result: dict[str, Any] = message["result"]
            return result
        _note(message, seen)


def _note(message: dict[str, Any], seen: Seen) -> None:
    event = message.get("params", {})
    if message["method"] == "Network.requestWillBeSent":
        seen.requests.append(event["request"]["url"])
    if message["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
        seen.complaints.append(json.dumps(event))


@asynccontextmanager
async def _browser() -> AsyncIterator[str]:
    """A chromium with a profile of its own, ended with the block; its address."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromium", *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            for _ in range(300):
                if port_file.exists() and len(port_file.read_text().splitlines()) == 2:
                    break
                await asyncio.sleep(0.1)
            port, path = port_file.read_text().splitlines()
            yield f"ws://127.0.0.1:{port}{path}"
        finally:
            process.terminate()
            process.wait(timeout=30)
