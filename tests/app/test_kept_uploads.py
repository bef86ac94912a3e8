"""A resumable upload whose job is not accepted is still there, and nothing stays of one that was used or forgotten."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import httpx
import pytest
import sqlalchemy as sa

from service_app.api.resumable import KEPT_SECONDS, Resumable, Started
from service_app.api.upload import Upload
from service_app.errors import Busy, Unavailable, UserError
from service_app.jobs.accepting import Accepting
from service_app.jobs.recordings import Recordings
from service_app.types import Job, JobState, Lane, Options

from .conftest import USER, NewServer, Server, create, ended

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


class Away(FullMeanwhile):
    """The database has gone since there was room."""

    def _full(self, *_: object, **__: object) -> NoReturn:
        raise sa.exc.OperationalError("INSERT", {}, Exception(), connection_invalidated=True)


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


@pytest.mark.parametrize(("kind", "error"), [(FullMeanwhile, Busy), (Away, Unavailable)])
def test_an_upload_of_which_no_job_came_is_kept(
    tmp_path: Path, kind: type[FullMeanwhile], error: type[UserError]
) -> None:
    async def tried() -> None:
        jobs = kind(tmp_path)
        resumable = Resumable(jobs.recordings.resumable, 1 << 20)
        upload = await uploaded(resumable)
        for _ in range(2):
            with pytest.raises(error):
                await offered(jobs, resumable, upload)
            assert await resumable.get(upload.id, owner=USER) == upload
            assert names(jobs.recordings.resumable) == [f"{upload.id}.json", f"{upload.id}.part"]
        if kind is FullMeanwhile:  # of the other nobody knows whether the row was stored
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


def test_one_request_has_an_upload_until_it_is_done_or_dead(tmp_path: Path) -> None:
    async def tried() -> None:
        resumable = Resumable(tmp_path, 1 << 20)
        upload = await uploaded(resumable)
        first, _ = await resumable.take(upload.id, owner=USER)
        with pytest.raises(Unavailable) as refused:
            await resumable.take(upload.id, owner=USER)
        assert refused.value.code == "upload_taken"
        first.unlink()  # it is a job's by now, but its process died before it said so
        old = time.time() - 3600
        os.utime(tmp_path / f"{upload.id}.json", (old, old))
        again, _ = await resumable.take(upload.id, owner=USER)
        assert again.read_bytes() == CONTENT
        with pytest.raises(Unavailable):
            await resumable.take(upload.id, owner=USER)
        resumable.used(upload.id)
        resumable.released(again)
        assert names(tmp_path) == []

    asyncio.run(tried())


def test_what_a_process_that_died_left_is_swept(tmp_path: Path) -> None:
    async def died() -> None:
        resumable = Resumable(tmp_path, 1 << 20)
        taken, waits = await uploaded(resumable), await uploaded(resumable)
        await resumable.take(taken.id, owner=USER)
        resumable.sweep()
        assert len(names(tmp_path)) == 5, "not yet"
        old = taken.created - KEPT_SECONDS - 60
        (tmp_path / f"{taken.id}.json").write_text(json.dumps({**asdict(taken), "created": old}))
        for name in names(tmp_path):
            os.utime(tmp_path / name, (old, old))
        resumable.sweep()
        assert {name.partition(".")[0] for name in names(tmp_path)} == {waits.id}

    asyncio.run(died())


def finished_upload(client: httpx.Client) -> str:
    upload = client.post("/api/uploads", json={"name": "kept.wav", "size": len(CONTENT)}).json()["id"]
    client.patch(f"/api/uploads/{upload}", content=CONTENT, headers={"upload-offset": "0"})
    return str(upload)


def test_whoever_did_not_hear_of_the_job_asks_again(server: Server) -> None:
    with server.program() as client:
        new = {"name": "repeats", "daily_minutes": 1, "scopes": ["jobs"]}
        made = client.post("/api/keys", json=new).json()
        with server.client(headers={"authorization": f"Bearer {made['key']}"}) as program:
            upload = finished_upload(program)
            first = program.post("/api/jobs", files={"upload": (None, upload)})
            ended(program, first.json()["id"])
            ended(program, create(program, "SPEECH 6 0"))  # the key's day is used up
            again = program.post("/api/jobs", files={"upload": (None, upload)})
            assert (first.status_code, again.status_code) == (202, 202)
            assert again.json()["id"] == first.json()["id"]
            assert again.headers["location"] == first.headers["location"]
            other = program.post("/api/jobs", files={"file": ("a.wav", CONTENT)})
            assert other.json()["error"]["code"] == "daily_minutes_used"
        client.delete(f"/api/keys/{made['id']}")
        client.delete(f"/api/jobs/{first.json()['id']}")
        gone = client.post("/api/jobs", files={"upload": (None, upload)})
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "upload_not_found")


# The database goes away once at the acceptance of jobs of these names.
AWAY = """
import sqlalchemy
from service_app.jobs.store import JobStore
add, been = JobStore.add, set()
def away_once(store, job, **options):
    if job.name == "after":
        add(store, job, **options)
    if job.name in ("before", "after") and job.name not in been:
        been.add(job.name)
        raise sqlalchemy.exc.OperationalError("INSERT", {}, Exception(), connection_invalidated=True)
    if job.name != "after":
        add(store, job, **options)
JobStore.add = away_once
import runpy, sys
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_database_that_goes_away_at_the_acceptance_costs_no_upload(new_server: NewServer, when: str) -> None:
    server = new_server()
    server.command[1:] = ["-c", AWAY, *server.command[1:]]
    server.start()
    with server.program() as client:
        upload = finished_upload(client)
        form = {"upload": (None, upload), "name": (None, when)}
        refused = client.post("/api/jobs", files=form)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "database_away")
        assert client.get(f"/api/uploads/{upload}").json()["offset"] == len(CONTENT)
        made = client.post("/api/jobs", files=form)
        assert made.status_code == 202, made.text
        jobs = client.get("/api/jobs").json()["jobs"]
        assert [job["id"] for job in jobs] == [made.json()["id"]]
        assert (server.data_dir / "media" / made.json()["id"] / "media").read_bytes() == CONTENT
        assert not list((server.data_dir / "media" / ".resumable").iterdir())


def test_what_was_wrong_is_sent_anew_without_the_bytes(server: Server) -> None:
    with server.program() as client:
        upload = finished_upload(client)
        path = f"/api/uploads/{upload}"
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
