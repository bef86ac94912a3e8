"""What can be deployed: instance types, models, regions and images, read from `Catalog` in config.yaml."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import Failure, Usage

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "config.yaml"


@dataclass(frozen=True, slots=True)
class Spec:
    """An instance type. `memory` is GiB, `gpu_memory` GB per card, `system_disk` GB."""

    id: str
    cpus: int
    memory: int
    gpus: int
    gpu: str
    gpu_memory: int
    system_disk: int


@dataclass(frozen=True, slots=True)
class Region:
    id: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Image:
    """`id` is an image id or the beginning of a public image's id."""

    id: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """Never empty in any part; the first spec and the first image are the defaults."""

    specs: tuple[Spec, ...]
    models: tuple[str, ...]
    default_model: str
    local_model: str
    regions: tuple[Region, ...]
    images: tuple[Image, ...]

    def find_spec(self, text: str) -> Spec:
        """The one spec that `text` means: its id or any unambiguous part of it ("c16g1", "gn7i-c32g1.8xlarge").
        Raises `Usage` with the candidates, or with near names."""
        wanted = text.strip().lower()
        exact = [spec for spec in self.specs if wanted in (spec.id, spec.id.removeprefix("ecs."))]
        matches = exact or [spec for spec in self.specs if _is_part(wanted, spec.id)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise Usage(
                f"--spec {text}: could be {_listed(spec.id for spec in matches)}", "give more of the name", code="Spec"
            )
        raise Usage(f"--spec {text}: no such spec", _hint(wanted, [spec.id for spec in self.specs]), code="Spec")

    def find_region(self, text: str) -> Region:
        for region in self.regions:
            if text == region.id:
                return region
        hint = _hint(text.strip().lower(), [region.id for region in self.regions])
        raise Usage(f"--region {text}: no such region here", hint, code="Region")

    def find_model(self, text: str) -> str:
        if text in self.models:
            return text
        raise Usage(f"--model {text}: no such model", _hint(text.lower(), list(self.models)), code="Model")


def load(path: Path = CONFIG) -> Catalog:
    """Reads and checks the catalog. Raises `Failure` that names the place in the file, such as
    `config.yaml: Catalog/Specs/0/Gpus: should be an integer`."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(f"{path}: cannot be read ({error.strerror})", "run this from a clone", code="Config") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise Failure(f"{path.name}{line}: {problem}", "mend the file", code="Config") from None
    return _Reader(path.name).catalog(content)


class _Reader:
    """Turns parsed YAML into values; every complaint names file and place."""

    def __init__(self, file: str) -> None:
        self._file = file

    def catalog(self, content: object) -> Catalog:
        top = self._mapping(content, "")
        at = "Catalog"
        catalog = self._mapping(self._get(top, at, ""), at, {"Specs", "Models", "Regions", "Images"})
        models = self._mapping(self._get(catalog, "Models", at), f"{at}/Models", {"Default", "LocalDefault", "Names"})
        names = self._names(models, f"{at}/Models")
        return Catalog(
            specs=tuple(self._spec(item, place) for item, place in self._items(catalog, "Specs", at)),
            models=names,
            default_model=self._choice(models, "Default", names, f"{at}/Models"),
            local_model=self._choice(models, "LocalDefault", names, f"{at}/Models"),
            regions=tuple(Region(*self._named(item, place)) for item, place in self._items(catalog, "Regions", at)),
            images=tuple(Image(*self._named(item, place)) for item, place in self._items(catalog, "Images", at)),
        )

    def _spec(self, item: object, at: str) -> Spec:
        keys = {"Id", "Cpus", "Memory", "Gpus", "Gpu", "GpuMemory", "SystemDisk"}
        spec = self._mapping(item, at, keys)
        text, number = self._text, self._number
        return Spec(
            id=text(spec, "Id", at),
            cpus=number(spec, "Cpus", at),
            memory=number(spec, "Memory", at),
            gpus=number(spec, "Gpus", at),
            gpu=text(spec, "Gpu", at),
            gpu_memory=number(spec, "GpuMemory", at),
            system_disk=number(spec, "SystemDisk", at),
        )

    def _named(self, item: object, at: str) -> tuple[str, str, str]:
        named = self._mapping(item, at, {"Id", "Zh", "En"})
        return self._text(named, "Id", at), self._text(named, "Zh", at), self._text(named, "En", at)

    def _names(self, models: Mapping[str, Any], at: str) -> tuple[str, ...]:
        names = []
        for item, place in self._items(models, "Names", at):
            if not isinstance(item, str):
                raise self._wrong(place, "should be a text")
            names.append(item)
        return tuple(names)

    def _choice(self, mapping: Mapping[str, Any], key: str, allowed: tuple[str, ...], at: str) -> str:
        value = self._text(mapping, key, at)
        if value not in allowed:
            raise self._wrong(f"{at}/{key}", f"should be one of {_listed(allowed)}")
        return value

    def _items(self, mapping: Mapping[str, Any], key: str, at: str) -> list[tuple[object, str]]:
        value = self._get(mapping, key, at)
        if not isinstance(value, list) or not value:
            raise self._wrong(f"{at}/{key}", "should be a list with at least one entry")
        return [(item, f"{at}/{key}/{index}") for index, item in enumerate(value)]

    def _mapping(self, value: object, at: str, known: set[str] | None = None) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(at, "should be a mapping")
        for key in value:
            if known is not None and key not in known:
                raise self._wrong(f"{at}/{key}", f"is not known; known are {_listed(sorted(known))}")
        return value

    def _text(self, mapping: Mapping[str, Any], key: str, at: str) -> str:
        value = self._get(mapping, key, at)
        if not isinstance(value, str) or not value:
            raise self._wrong(f"{at}/{key}", "should be a text")
        return value

    def _number(self, mapping: Mapping[str, Any], key: str, at: str) -> int:
        value = self._get(mapping, key, at)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(f"{at}/{key}", "should be an integer")
        if value < 1:
            raise self._wrong(f"{at}/{key}", "should be 1 or more")
        return value

    def _get(self, mapping: Mapping[str, Any], key: str, at: str) -> Any:
        if key not in mapping:
            raise self._wrong(f"{at}/{key}".lstrip("/"), "is missing")
        return mapping[key]

    def _wrong(self, at: str, what: str) -> Failure:
        return Failure(f"{self._file}: {at}: {what}" if at else f"{self._file}: {what}", code="Config")


def _is_part(wanted: str, spec_id: str) -> bool:
    """Whole words only: "c16g1" and "gn7i-c32g1" are parts of an id, "c1" and "6xlarge" are not."""
    return bool(wanted) and re.search(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9])", spec_id) is not None


def _hint(wanted: str, names: list[str]) -> str:
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.6)
    near = near or [name for name in names if len(wanted) > 2 and wanted in name]
    return f"did you mean {_listed(near)}?" if near else f"choose one of {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
