"""`/predict` for `gradio_client`: (audio, task) -> text, the endpoint that programs of the first Whisper Space know.

    client = Client(address, headers={"Authorization": "Bearer <key>"})
    client.predict(handle_file("a.mp3"), "transcribe", api_name="/predict")

The client first sends the file to Gradio's own upload route. Only files below that folder are taken, by their real
path; they become jobs of the caller like all others: in the history, with the same queue, limits and retention.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from ..api.audio import cancelled_error
from ..api.envelope import language_of
from ..api.options import task_from
from ..api.services import Services
from ..auth.keys import ApiKey
from ..characters import kept
from ..errors import BadRequest, UserError, unwritten
from ..janitor import PAGE_UPLOADS
from ..types import JobState, Lane, Options

Predict = Callable[[gr.FileData, Literal["transcribe", "translate"], gr.Request], Awaitable[str]]


def upload_folder(services: Services) -> Path:
    """Where Gradio puts uploads; what an earlier run left there is removed."""
    folder = services.settings.data_dir / PAGE_UPLOADS
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)  # the one way in which Gradio can be told
    return folder


def predict_function(services: Services, folder: Path) -> Predict:
    async def predict(audio: gr.FileData, task: Literal["transcribe", "translate"], request: gr.Request) -> str:
        owner = request.username
        if not owner:
            raise gr.Error("Log in first.", print_exception=False)
        try:
            return await _transcribe(services, folder, audio, task, owner=owner, key=request.request.state.key)
        except UserError as error:
            raise gr.Error(error.text(language_of(request.request.scope)), print_exception=False) from None

    return predict


async def _transcribe(
    services: Services, folder: Path, audio: Any, task: str, *, owner: str, key: ApiKey | None
) -> str:
    chosen = task_from(task)  # Gradio checks no `Literal`
    await services.require_minutes(key)
    await services.jobs.require_room(owner)
    media = await asyncio.to_thread(_taken, services, folder, audio)
    try:
        if chosen == "translate" and not any(model.multilingual for model in services.engine.models() if model.default):
            raise BadRequest(
                "unsupported_task",
                zh="已安装的模型只支持英语，不能翻译。",
                en="The installed model knows English only and cannot translate.",
            )
        options = Options(task=chosen)
        name = kept(str(audio.get("orig_name") or "audio")).replace("\\", "/").rsplit("/", 1)[-1][:255]
        job = await services.jobs.accept(media, name=name, owner=owner, options=options, lane=Lane.API, key=key)
    finally:
        media.unlink(missing_ok=True)
    try:
        async for news in services.jobs.watch(job.id, owner=owner):
            job = news
    except asyncio.CancelledError:
        await services.jobs.cancel(job.id, owner=owner)
        raise
    if job.failure:
        raise BadRequest(job.failure.code, zh=job.failure.zh, en=job.failure.en)
    if job.state is JobState.CANCELLED:
        raise cancelled_error()
    return job.text.strip()


def _taken(services: Services, folder: Path, audio: Any) -> Path:
    """A link to the uploaded file which this call owns. Raises `BadRequest` for every path but an upload's."""
    path = Path(str(audio.get("path") if isinstance(audio, dict) else "")).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise BadRequest("no_file", zh="没有收到录音。", en="Send a recording: predict(handle_file(path), task).")
    limit = services.settings.max_upload_bytes
    if path.stat().st_size > limit:
        raise BadRequest("file_too_large", zh="文件过大。", en=f"The file is over the limit of {limit >> 20} MiB.")
    target = services.incoming / uuid.uuid4().hex
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.link(path, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copyfile(path, target)  # recordings are on another file system
    except OSError as error:
        raise unwritten(error) from error
    return target
