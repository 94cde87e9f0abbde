"""The report in a real browser: the plot is built, zooms and hides bands, nothing is fetched, no script fails, and it reads without scripts too."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import runpy
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from calib.report import write_report

pytestmark = pytest.mark.service

SAMPLES = Path(__file__).resolve().parent.parent / "calib" / "report" / "report_samples.py"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
PATIENCE_S = 60


class Page:
    """A page in a headless browser, driven over the DevTools pipe: messages are JSON ended by a zero byte, on descriptors 3 and 4 of the browser."""

    def __init__(self, profile: Path) -> None:
        assert BROWSER is not None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # away from 3 and 4, which the child overwrites
        pair = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 20) for descriptor in (theirs_in, theirs_out)]
        command = [BROWSER, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        shell = f'exec "$@" 3<&{pair[0]} 4>&{pair[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=pair,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for descriptor in (theirs_in, theirs_out, *pair):
            os.close(descriptor)
        self._buffer, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], PATIENCE_S)
            block = os.read(self._in, 1 << 20) if ready else b""
            if not block:
                raise TimeoutError("the browser ended or does not answer")
            self._buffer += block
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def open(self, path: Path, width: int = 1200, height: int = 900) -> None:
        self.events.clear()
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.send("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def settle(self) -> None:
        """Wait until what was drawn is on the screen, observers of sizes included."""
        expression = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
        self.send("Runtime.evaluate", expression=expression, awaitPromise=True)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def key(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, **({"text": key} if len(key) == 1 else {}))

    def screenshot(self) -> bytes:
        return base64.b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def close(self) -> None:
        # asked politely, a browser waits for its own children; killed, it would leave them writing into the profile
        self._session = ""
        try:
            self.send("Browser.close")
        except (TimeoutError, OSError):
            self._process.kill()
        self._process.wait(PATIENCE_S)
        os.close(self._in)
        os.close(self._out)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if BROWSER is None:
        pytest.skip("no Chromium on this machine (package chromium)")
    browser = Page(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def samples() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(SAMPLES)))


@pytest.fixture(scope="module")
def report_path(samples: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(samples.campaign(8, bands=("B1", "B2", "B10", "B3")), path)
    return path


@pytest.fixture
def opened(page: Page, report_path: Path) -> Page:
    page.open(report_path)
    page.ask("document.querySelector('.series').scrollIntoView({block: 'center'})")
    page.settle()
    return page


def view(page: Page) -> list[float]:
    return [float(item) for item in page.ask("document.querySelector('.series .canvas svg').dataset.view").split()]


def place(page: Page, across: float, down: float) -> tuple[float, float]:
    """Window coordinates at shares of the plot's width and height."""
    box = page.ask(
        "(({x, y, width, height}) => [x, y, width, height])(document.querySelector('.series .canvas svg').getBoundingClientRect())"
    )
    return box[0] + across * box[2], box[1] + down * box[3]


def faults(page: Page) -> list[Any]:
    """Errors of scripts and of the page's policy since it was opened."""
    page.settle()
    found = []
    for event in page.events:
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            found.append(parameters["exceptionDetails"])
        if event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            found.append(parameters["entry"])
        if event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            found.append(parameters["args"])
    return found


def wait_for(page: Page, expression: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not page.ask(expression):
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.settle()


def test_chart_is_built_without_errors_or_requests(opened: Page) -> None:
    assert opened.ask("document.documentElement.classList.contains('js')")
    assert opened.ask("document.querySelectorAll('.series .trace').length") == 4
    # 8 acquisitions, of which one failed, in 4 bands
    assert opened.ask("document.querySelectorAll('.series .point').length") == 7 * 4
    assert opened.ask("[...document.querySelectorAll('.toggles li[data-band] button')].map((b) => b.textContent)") == [
        "B1",
        "B2",
        "B10",
        "B3",
    ]
    requested = [
        event["params"]["request"]["url"]
        for event in opened.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert [url for url in requested if not url.startswith(("file://", "data:"))] == []
    assert len([url for url in requested if url.startswith("file://")]) == 1
    assert faults(opened) == []


def test_points_stand_where_their_numbers_say(opened: Page) -> None:
    low_x, high_x, low_y, high_y = view(opened)
    clip = opened.ask(
        "['x', 'y', 'width', 'height'].map((name) => Number(document.querySelector('.series clipPath rect').getAttribute(name)))"
    )
    points = opened.ask(
        "[...document.querySelectorAll('.series .point')].map((point) => "
        "[Number(point.dataset.x), Number(point.dataset.y), point.querySelector('.mark').getAttribute('transform')])"
    )
    for x, y, transform in points:
        across, down = (float(item) for item in transform.removeprefix("translate(").removesuffix(")").split())
        assert across == pytest.approx(clip[0] + (x - low_x) / (high_x - low_x) * clip[2], abs=0.1)
        assert down == pytest.approx(clip[1] + (high_y - y) / (high_y - low_y) * clip[3], abs=0.1)


def test_wheel_zooms_about_the_pointer_and_double_click_resets(opened: Page) -> None:
    before = view(opened)
    x, y = place(opened, 0.5, 0.4)
    opened.mouse("mouseMoved", x, y)
    opened.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    wait_for(opened, f"document.querySelector('.series .canvas svg').dataset.view !== '{' '.join(map(str, before))}'")
    after = view(opened)
    # one turn of 300 px is a factor of e
    assert (after[1] - after[0]) / (before[1] - before[0]) == pytest.approx(2.718281828**-1, rel=1e-6)
    assert before[0] < after[0] < after[1] < before[1]
    assert before[2] < after[2] < after[3] < before[3]
    for count in (1, 2):
        opened.mouse("mousePressed", x, y, button="left", clickCount=count)
        opened.mouse("mouseReleased", x, y, button="left", clickCount=count)
    assert view(opened) == before


def test_wheel_scrolls_the_page_where_the_pointer_did_not_move(opened: Page) -> None:
    x, y = place(opened, 0.5, 0.4)
    opened.mouse("mouseMoved", x, y)
    opened.ask("window.scrollBy(0, 10)")
    opened.settle()
    before, top = view(opened), opened.ask("scrollY")
    opened.mouse("mouseWheel", x, y, deltaX=0, deltaY=120)
    wait_for(opened, f"scrollY > {top}")
    assert view(opened) == before


def test_drag_frames_a_part(opened: Page) -> None:
    before = view(opened)
    start, stop = place(opened, 0.4, 0.2), place(opened, 0.6, 0.6)
    opened.mouse("mouseMoved", *start)
    opened.mouse("mousePressed", *start, button="left", buttons=1, clickCount=1)
    opened.mouse("mouseMoved", *stop, button="left", buttons=1)
    assert opened.ask("document.querySelectorAll('.series .frame').length") == 1
    opened.mouse("mouseReleased", *stop, button="left", clickCount=1)
    after = view(opened)
    assert opened.ask("document.querySelectorAll('.series .frame').length") == 0
    width = opened.ask("document.querySelector('.series .canvas svg').getBoundingClientRect().width")
    clip = opened.ask("Number(document.querySelector('.series clipPath rect').getAttribute('width'))")
    assert (after[1] - after[0]) / (before[1] - before[0]) == pytest.approx(0.2 * width / clip, rel=0.01)
    assert before[2] < after[2] < after[3] < before[3]


def test_keyboard_zooms_moves_and_reads_points(opened: Page) -> None:
    before = view(opened)
    opened.ask("document.querySelector('.series .canvas svg').focus()")
    opened.key("+")
    near = view(opened)
    assert near[1] - near[0] == pytest.approx(0.7 * (before[1] - before[0]))
    opened.key("ArrowRight")
    assert view(opened)[0] == pytest.approx(near[0] + 0.15 * (near[1] - near[0]))
    opened.key("0")
    assert view(opened) == before
    opened.key("n")
    assert "B1 · k " in opened.ask("document.querySelector('.series [aria-live]').textContent")


def test_hover_names_the_acquisition(opened: Page) -> None:
    box = opened.ask(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])(document.querySelector('.series .trace[data-band=B10] .mark').getBoundingClientRect())"
    )
    opened.mouse("mouseMoved", *box)
    tip = opened.ask("document.querySelector('.series .tip').textContent")
    assert not opened.ask("document.querySelector('.series .tip').hidden")
    assert "VENUS_MOON_" in tip
    assert " · k " in tip


def test_legend_hides_and_shows_a_band(opened: Page) -> None:
    shown = "getComputedStyle(document.querySelector('.series .trace[data-band=B2]')).display !== 'none'"
    button = "document.querySelector('.toggles li[data-band=B2] button')"
    assert opened.ask(shown)
    opened.ask(f"{button}.click()")
    assert not opened.ask(shown)
    assert opened.ask(f"{button}.getAttribute('aria-pressed')") == "false"
    opened.ask(f"{button}.click()")
    assert opened.ask(shown)


def test_link_opens_its_acquisition(opened: Page) -> None:
    opened.ask("document.querySelector('.acquisitions a').click()")
    wait_for(opened, "document.getElementById('a1').open")
    wait_for(opened, "(({complete, naturalWidth}) => complete && naturalWidth > 0)(document.querySelector('#a1 img'))")


def test_nothing_is_wider_than_a_telephone(page: Page, report_path: Path) -> None:
    page.open(report_path, width=360, height=740)
    page.ask("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    page.settle()
    assert page.ask("document.documentElement.scrollWidth") <= 360
    assert faults(page) == []


def test_reads_without_scripts(page: Page, report_path: Path) -> None:
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(report_path)
        nodes = page.send("DOM.getDocument", depth=-1)
        svg = page.send("DOM.querySelector", nodeId=nodes["root"]["nodeId"], selector=".series .canvas svg")
        box = page.send("DOM.getBoxModel", nodeId=svg["nodeId"])["model"]
        assert box["width"] > 600
        assert box["height"] > 200
        title = page.send("DOM.querySelector", nodeId=nodes["root"]["nodeId"], selector=".series .point title")
        assert title["nodeId"] > 0
    finally:
        page.send("Emulation.setScriptExecutionDisabled", value=False)


def test_hostile_names_do_not_run(page: Page, samples: SimpleNamespace, tmp_path: Path) -> None:
    evil = "<script>window.broken=1</script><img src=x onerror=window.broken=1>\"'</title></style>"
    bands = (f"B<b onclick=1>{evil}", "B2")
    case = samples.case(evil, bands=bands, flags=[evil, evil], sensor=evil, orbit=evil, po=evil, superseded="")
    write_report(samples.report([case, samples.failed(evil, evil)], title=evil, notes=(evil,)), tmp_path / "evil.html")
    page.open(tmp_path / "evil.html")
    page.ask("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    page.settle()
    assert page.ask("window.broken") is None
    assert page.ask("document.title") == evil
    assert page.ask("document.querySelectorAll('img[src=x], b[onclick]').length") == 0
    assert page.ask("document.querySelectorAll('script').length") == 1
    assert page.ask("document.querySelectorAll('.series .trace').length") == 2
    assert faults(page) == []
