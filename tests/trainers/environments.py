"""Makes the environments that the trainers are tested in: .trainers/{base,trl,swift,llamafactory}.

    python tests/trainers/environments.py

Each trainer wants other versions of the same libraries. They share one torch: `base` holds it, with all that the three
have in common, and stands behind each of them on the path. What is up to date is left alone.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2] / ".trainers"
TORCH = "torch==2.13.0"
TRAINERS = ("trl", "swift", "llamafactory")

_HERE = Path(__file__).parent
_BROKEN = "import torchvision, importlib.util as u; u.find_spec('torchaudio') and __import__('torchaudio')"


def python(name: str) -> Path:
    """The interpreter of an environment."""
    return ROOT / name / "bin/python"


def is_current(name: str) -> bool:
    """Whether an environment is there, and made as this file and its requirements say."""
    stamp = _stamp(name)
    return stamp.exists() and stamp.read_text() == _recipe(name)


def make(name: str) -> None:
    """Make an environment anew; `base` must be there for the others."""
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(folder))
    packages = _packages(name)
    if name == "base":
        _run(str(python(name)), "-m", "pip", "install", "-qq", TORCH)
    else:
        (packages / "base.pth").write_text(f"{_packages('base')}\n")
    locked = _HERE / "requirements" / f"{name}.txt"
    _run(str(python(name)), "-m", "pip", "install", "-qq", "--no-deps", "--no-compile", "-r", str(locked))
    if name != "base" and subprocess.run([python(name), "-c", _BROKEN], capture_output=True, check=False).returncode:
        shutil.copy(_HERE / "cpu_wheels.py", packages)
        (packages / "cpu_wheels.pth").write_text("import cpu_wheels\n")
        _run(str(python(name)), "-c", _BROKEN)
    _stamp(name).write_text(_recipe(name))


def main() -> None:
    """Make what is missing or outdated."""
    for name in ("base", *TRAINERS):
        if not is_current(name):
            started = time.monotonic()
            make(name)
            sys.stdout.write(f"{ROOT / name}: made in {time.monotonic() - started:.0f} s\n")


def _recipe(name: str) -> str:
    """A digest of all that an environment is made of."""
    files = ["environments.py", "cpu_wheels.py", "requirements/base.txt", f"requirements/{name}.txt"]
    content = hashlib.sha256(f"{ROOT} {sys.version}".encode())
    for file in files:
        content.update((_HERE / file).read_bytes())
    return content.hexdigest()


def _stamp(name: str) -> Path:
    return ROOT / name / "made-of"


def _packages(name: str) -> Path:
    return next((ROOT / name / "lib").glob("python*")) / "site-packages"


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
