"""What a command works with: its options, the streams, the cloud it talks to, and the one way to answer."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from . import words
from .catalog import Catalog, Region, load
from .cloud import Cloud, Machines
from .drafts import Drafts
from .errors import Failure, Usage
from .secret import masked
from .stacks import Stack
from .visible import visible

if TYPE_CHECKING:
    from .alibaba import Account

_MAKING = ("create", "service", "image")  # verbs that start a local target and leave it there
ENVELOPE = 1
# What asks about stacks that are not there yet: the local target is started for it, and stopped again when it has none.
LOOKS = frozenset({"estimate", "preview", "policy", "doctor"})
LOCAL_POLL, CLOUD_POLL = 0.3, 3.0  # seconds between two looks at a stack


@dataclass
class Session:
    verb: str
    json: bool
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    args: Namespace = field(default_factory=Namespace)
    began: bool = field(default=False, init=False)  # the local target, which nobody served before

    @property
    def interactive(self) -> bool:
        """Somebody is there to be asked."""
        return self.stdin.isatty() and self.stderr.isatty() and not self.json

    @cached_property
    def catalog(self) -> Catalog:
        return load()

    @cached_property
    def region(self) -> Region:
        """Raises `Usage` when the cloud needs one and none was given."""
        chosen = self.args.region or self.environ.get("ALIBABA_CLOUD_REGION_ID")
        if chosen:
            return self.catalog.find_region(chosen)
        if self.args.local:
            return self.catalog.regions[0]
        raise Usage("missing: --region", "give --region cn-hangzhou, or use --local", code="Missing")

    @cached_property
    def account(self) -> Account:
        """What the options name. A local target is started by `create` and by what looks ahead only."""
        return self.connect(self.region.id)

    def connect(self, region: str) -> Account:
        """To the same place, but for another region."""
        from .alibaba import connect, connect_local

        if not self.args.local:
            return connect(region=region, endpoint=self.args.endpoint, profile=self.args.profile, sleep=self.sleep)
        from .target import local_endpoint

        try:
            endpoint = local_endpoint(self.state_dir, start=False)
        except Failure:
            endpoint = local_endpoint(self.state_dir, start=self.verb in (*_MAKING, *LOOKS))
            self.began = True
        return connect_local(
            endpoint.host, endpoint.access_key_id, endpoint.access_key_secret, region=region, sleep=self.sleep
        )

    def leave(self) -> None:
        """Ends a local target that was started for a look and has nothing."""
        looked = (self.verb in LOOKS or getattr(self.args, "dry_run", False)) and "account" in self.__dict__
        published = self.verb in ("service", "image") and self.began
        if self.args.local and (looked or published):
            from .target import stop_if_idle

            stop_if_idle(self.state_dir)

    @cached_property
    def cloud(self) -> Cloud:
        return self.account.ros()

    @cached_property
    def machines(self) -> Machines:
        return self.account.ecs()

    @cached_property
    def drafts(self) -> Drafts:
        """Of creations in this place, which have begun and not ended."""
        base = self.environ.get("XDG_STATE_HOME") or "~/.local/state"
        cloud = Path(base).expanduser().absolute() / "whisper-deploy"
        return Drafts(self.state_dir / "creating" if self.args.local else cloud / self.region.id)

    @property
    def state_dir(self) -> Path:
        chosen = self.args.state_dir or self.environ.get("WHISPER_LOCAL_HOME")
        if chosen:
            return Path(chosen).expanduser().absolute()
        base = self.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(base).expanduser().absolute() / "whisper-local"

    @property
    def poll_seconds(self) -> float:
        return LOCAL_POLL if self.args.local else CLOUD_POLL

    def pause(self) -> None:
        """Between two looks at something that takes its time."""
        self.sleep(self.poll_seconds)

    def confirm(self, warning: str, *, word: str = "yes") -> None:
        """Goes on when --yes was given or a person types `word`. Raises `Usage` where nobody can be asked, `Failure`
        when the answer is another."""
        if self.args.yes:
            return
        if not self.interactive:
            raise Usage("missing: --yes", warning.splitlines()[0], code="Missing")
        self.tell(warning)
        self.stderr.write(self.say(f"Type {word} to go on: "))
        self.stderr.flush()
        if self.stdin.readline().strip() != word:
            raise Failure("nothing was changed", code="Declined")

    def find(self, name: str) -> Stack:
        """The stack of that name. Raises `Failure`."""
        stack = self.cloud.find(name)
        if stack is None:
            raise Failure(
                f"no stack is named {name} {self.where}", f"see: {self.command('list')}", code="StackNotFound"
            )
        return stack

    @property
    def where(self) -> str:
        return "on this machine" if self.args.local else f"in {self.region.id}"

    def command(self, *words: str) -> str:
        """A command line to type next, aimed at the same place as this one."""
        place: list[str] = []
        if self.args.local:
            place.append("--local")
            if self.args.state_dir:
                place += ["--state-dir", str(self.args.state_dir)]
        for option in ("region", "endpoint", "profile"):
            value = getattr(self.args, option, None)
            if value:
                place += [f"--{option}", value]
        return " ".join(["python -m deploy", *words, *place])

    def done(self, data: Mapping[str, Any], lines: Sequence[str] = ()) -> int:
        """The command's result: as JSON, or as lines for people."""
        if self.json:
            self._envelope(status="success", data=masked(dict(data)))
        else:
            for line in lines:
                print(visible(self.say(line)), file=self.stdout)
            self.stdout.flush()
        return 0

    def fail(self, failure: Failure) -> None:
        if self.json:
            error: dict[str, Any] = {"code": failure.code, "message": failure.message, "remedy": failure.remedy}
            if failure.details:
                error["details"] = list(failure.details)
            self._envelope(status="error", error=error)
            return
        parts = [self.say(part) for part in (failure.message, failure.remedy) if part]
        self.tell(f"error: {('；' if self.language == 'zh' else '; ').join(parts)}")
        for line in failure.details:
            self.tell(f"  {line}")

    def tell(self, line: str) -> None:
        """Progress, questions and complaints: never on standard output."""
        print(visible(self.say(line)), file=self.stderr, flush=True)

    @property
    def language(self) -> str:
        """`zh` or `en`, for people; --json is English."""
        return words.language(self.environ)

    def say(self, text: str) -> str:
        """In the language of the person."""
        return words.in_chinese(text) if self.language == "zh" else text

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        """Lines for `done`: aligned on a terminal, with tabs and without a head on a pipe."""
        if not self.stdout.isatty():
            return ["\t".join(row) for row in rows]
        from .progress import aligned

        return aligned([self.say(column) for column in columns], rows)

    def pairs(self, facts: Mapping[str, object]) -> list[str]:
        """Lines of a name and a value each."""
        from .progress import aligned

        return aligned((), [(self.say(name), str(value)) for name, value in facts.items()])

    def _envelope(self, **content: Any) -> None:
        reply = {"version": ENVELOPE, "command": self.verb, **content}
        print(json.dumps(reply, ensure_ascii=False), file=self.stdout, flush=True)
