"""Files that want all of the machine: bombs, files without end, files that crash or stop whoever reads them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from service_app.engine.extract import Reader, RefusedError
from service_app.engine.media import Extractor
from service_app.errors import UserError
from tests.support import recordings

from .conftest import wait_until

# A frame of MP3, 24 kHz mono: 24 ms of silence in 24 bytes.
SILENT = bytes.fromhex("fff314c4") + bytes(20)
TEN_HOURS = 36_000


@pytest.fixture
def reader(request: pytest.FixtureRequest) -> Iterator[Extractor]:
    made = Extractor(max_seconds=getattr(request, "param", TEN_HOURS + 10), parallel=1)
    made.open()
    yield made
    made.close()


@contextlib.contextmanager
def reading(reader: Extractor, folder: Path) -> Iterator[tuple[int, Future[object]]]:
    """The process that reads ten hours, stopped in the middle, and what it will give."""
    media = folder / "media"
    media.write_bytes(SILENT * round(TEN_HOURS / 0.024))
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(reader.extract, media, lambda: False)
        try:
            wait_until(lambda: result.done() or len(list(folder.iterdir())) > 1)
            (child,) = reader._busy
            os.kill(child.pid, signal.SIGSTOP)
            yield child.pid, result
        finally:
            reader.close()


LIMITED = """
import json, resource, sys
from service_app.engine import extract
extract._limit(10)
refused = []
try:
    bytearray(extract.EXTRA_MEMORY + (1 << 20))
except MemoryError:
    refused.append("memory")
try:
    with open(sys.argv[1], "wb") as file:
        file.write(bytes(100 * extract.BYTES_PER_SECOND))
except OSError:
    refused.append("file")
print(json.dumps([refused, [resource.getrlimit(each) for each in (resource.RLIMIT_CPU, resource.RLIMIT_CORE)]]))
"""


def test_the_reader_limits_its_memory_its_time_and_its_files(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", LIMITED, tmp_path / "x"], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [["memory", "file"], [[3600, 3600], [0, 0]]]


def test_the_limits_hold_while_a_file_is_read(reader: Extractor, tmp_path: Path) -> None:
    with reading(reader, tmp_path) as (pid, _):
        limits = Path(f"/proc/{pid}/limits").read_text()
        for limit in (
            "Max cpu time +3600 ",
            "Max core file size +0 ",
            r"Max address space +\d+ ",
            r"Max file size +\d+ ",
        ):
            assert re.search(limit, limits), limit


@pytest.mark.parametrize(
    "name", ["subfile,,start,0,end,0,,:secret.wav", "concat:secret.wav|secret.wav", "cache:secret.wav"]
)
def test_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Formats that name others are refused before that; this is the lock behind it."""
    monkeypatch.chdir(tmp_path)
    recording = recordings.beckett().read_bytes()
    for path in ("secret.wav", name):
        Path(path).write_bytes(recording)
    assert sum(map(len, Reader(Path("secret.wav")))) > 0
    with pytest.raises(RefusedError, match="not_audio"):
        next(iter(Reader(Path(name))))


@pytest.mark.parametrize("reader", [120.0], indirect=True)
def test_a_bomb_ends_at_the_limit_of_its_sound(reader: Extractor, tmp_path: Path) -> None:
    """Ten hours in 36 MB: 1.1 GB of samples, of which not four are written."""
    media = tmp_path / "media"
    media.write_bytes(SILENT * 100)
    assert reader.extract(media, lambda: False).duration == pytest.approx(2.4, abs=0.2)
    (tmp_path / "media.pcm").unlink()
    media.write_bytes(SILENT * round(TEN_HOURS / 0.024))
    with pytest.raises(UserError) as refused:
        reader.extract(media, lambda: False)
    assert (refused.value.code, refused.value.status) == ("too_long", 413)
    assert [path.name for path in tmp_path.iterdir()] == ["media"]


def test_a_file_that_stops_its_reader_is_given_up(reader: Extractor, tmp_path: Path) -> None:
    with reading(reader, tmp_path) as (pid, result):
        reader._stall_seconds = 0.2
        error = result.exception(20)
        assert isinstance(error, UserError) and error.code == "damaged"
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), 20)


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL, signal.SIGXCPU])
def test_a_file_that_ends_its_reader_harms_no_other(reader: Extractor, tmp_path: Path, how: signal.Signals) -> None:
    with reading(reader, tmp_path) as (pid, result):
        os.kill(pid, how)
        os.kill(pid, signal.SIGCONT)
        error = result.exception(20)
        assert isinstance(error, UserError) and error.code == "damaged"
        good = tmp_path / "good"
        good.write_bytes(recordings.beckett().read_bytes())
        assert len(reader.extract(good, lambda: False).windows) == 1
