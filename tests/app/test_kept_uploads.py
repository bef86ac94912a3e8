"""A resumable upload whose job is not accepted is still there, and nothing stays of one that was used or forgotten."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from service_app.api.resumable import KEPT_SECONDS, Resumable, Started
from service_app.api.upload import Upload
from service_app.errors import Busy
from service_app.jobs.accepting import Accepting
from service_app.jobs.recordings import Recordings
from service_app.types import Job, JobState, Lane, Options

from .conftest import USER, Server, create, ended

CONTENT = b"SPEECH 1 0.01" + b" " * 1000


class FullMeanwhile(Accepting):
    """The queue has filled since there was room."""

    def __init__(self, folder: Path) -> None:
        self.recordings = Recordings(folder, "n1", None)
        self.recordings.open()
        self._store = SimpleNamespace(get=lambda _: None, add=self._full)  # type: ignore[assignment]

    def _full(self, *_: object, **__: object) -> NoReturn:
        raise Busy("queue_full", zh="满", en="full", retry_after=1)

    async def get(self, job_id: str, *, owner: str) -> Job:
        return Job(job_id, owner, "a.wav", JobState.DONE, Options(), Lane.BULK, 0.0)


async def uploaded(resumable: Resumable) -> Started:
    async def sent() -> AsyncIterator[bytes]:
        yield CONTENT

    made = await resumable.start(USER, "kept.wav", len(CONTENT))
    await resumable.append(made.id, 0, sent(), owner=USER)
    return await resumable.get(made.id, owner=USER)


async def offered(jobs: Accepting, resumable: Resumable, upload: Started) -> None:
    """As `POST /api/jobs` does it."""
    path, name = await resumable.take(upload.id, owner=USER)
    form = Upload(path=path, name=name, keeps=resumable.released)
    try:
        await jobs.accept(path, name=name, owner=USER, options=Options(), lane=Lane.BULK)
    finally:
        form.discard()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_upload_for_which_there_was_no_room_is_kept(tmp_path: Path) -> None:
    async def tried() -> None:
        jobs = FullMeanwhile(tmp_path)
        resumable = Resumable(jobs.recordings.resumable, 1 << 20)
        upload = await uploaded(resumable)
        for _ in range(2):
            with pytest.raises(Busy):
                await offered(jobs, resumable, upload)
            assert await resumable.get(upload.id, owner=USER) == upload
        assert names(tmp_path) == [".resumable"]
        assert (await resumable.take(upload.id, owner=USER))[0].read_bytes() == CONTENT

    asyncio.run(tried())


def test_a_repeat_for_which_there_was_no_room_leaves_no_copy(tmp_path: Path) -> None:
    jobs = FullMeanwhile(tmp_path)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "media").write_bytes(CONTENT)
    with pytest.raises(Busy):
        asyncio.run(jobs.rerun("old", Options(), owner=USER, lane=Lane.BULK))
    assert (names(jobs.recordings.incoming), names(tmp_path)) == ([], [".incoming", "old"])
    assert (tmp_path / "old" / "media").read_bytes() == CONTENT


def test_what_a_process_that_died_had_taken_is_swept(tmp_path: Path) -> None:
    async def died() -> None:
        resumable = Resumable(tmp_path, 1 << 20)
        taken, waits = await uploaded(resumable), await uploaded(resumable)
        await resumable.take(taken.id, owner=USER)
        resumable.sweep()
        assert len(names(tmp_path)) == 4, "not yet"
        old = taken.created - KEPT_SECONDS - 60
        for name in names(tmp_path):
            os.utime(tmp_path / name, (old, old))
        resumable.sweep()
        assert {name.partition(".")[0] for name in names(tmp_path)} == {waits.id}

    asyncio.run(died())


def test_what_was_wrong_is_sent_anew_without_the_bytes(server: Server) -> None:
    with server.program() as client:
        upload = client.post("/api/uploads", json={"name": "kept.wav", "size": len(CONTENT)}).json()["id"]
        path = f"/api/uploads/{upload}"
        client.patch(path, content=CONTENT, headers={"upload-offset": "0"})
        for field, wrong in (("language", "klingon"), ("webhook", "http://192.168.0.1/")):
            refused = client.post("/api/jobs", files={"upload": (None, upload), field: (None, wrong)})
            assert refused.status_code == 400
            assert client.get(path).json()["offset"] == len(CONTENT)
        made = client.post("/api/jobs", files={"upload": (None, upload)})
        assert ended(client, made.json()["id"])["name"] == "kept.wav"
        assert client.get(path).status_code == 404
        assert not list((server.data_dir / "media" / ".resumable").glob(f"{upload}*"))


def test_a_used_up_key_begins_no_upload(server: Server) -> None:
    with server.program() as client:
        new = {"name": "used up", "daily_minutes": 1, "scopes": ["jobs"]}
        made = client.post("/api/keys", json=new).json()
        with server.client(headers={"authorization": f"Bearer {made['key']}"}) as program:
            ended(program, create(program, "SPEECH 6 0"))
            spent = program.post("/api/uploads", json={"size": 9})
            assert (spent.status_code, spent.json()["error"]["code"]) == (429, "daily_minutes_used")
        client.delete(f"/api/keys/{made['id']}")
