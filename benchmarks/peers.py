"""Virtual environments of what we are compared with, made on first use in ``benchmarks/.peers``.

Every package that uv.lock knows is installed at the version it names, so that a peer decodes and writes with the
same libraries as shardmill.
"""

import hashlib
import shutil
import subprocess
import sys
import tomllib
import venv
from collections import Counter
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_PEERS = Path(__file__).parent / ".peers"
_REQUIREMENTS = {
    "img2dataset": ("img2dataset",),
    "data-juicer": ("py-data-juicer==1.6.1", "aiohttp"),
    "data-juicer-images": ("py-data-juicer==1.6.1", "aiohttp", "imagededup"),
    "ceiling": ("numpy", "opencv-python-headless", "pillow", "pyarrow", "pycurl==7.49.0", "simplejpeg"),
}

_PINNED_BY_ITSELF = dict.fromkeys(("data-juicer", "data-juicer-images"), ("dill", "multiprocess"))
"""What a peer asks for at another version than uv.lock names."""


def peer(name: str) -> Path:
    """The ``bin`` folder of the environment called `name`; takes minutes the first time."""
    constraints = _constraints(_ROOT / "uv.lock", _PINNED_BY_ITSELF.get(name, ()))
    wanted = hashlib.sha256("\n".join([*_REQUIREMENTS[name], constraints]).encode()).hexdigest()
    folder = _PEERS / name
    stamp = folder / "made-from.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        constraints_file = _PEERS / f"{name}-constraints.txt"
        constraints_file.write_text(constraints)
        _install(folder, constraints_file, _REQUIREMENTS[name])
        stamp.write_text(wanted)
    return folder / "bin"


def version_of(name: str, package: str) -> str:
    """The version of `package` in the environment called `name`."""
    code = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    done = subprocess.run([peer(name) / "python", "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _install(folder: Path, constraints: Path, requirements: tuple[str, ...]) -> None:
    print(f"making {folder} …", file=sys.stderr)
    python = folder / "bin" / "python"
    uv = shutil.which("uv")
    venv.create(folder, with_pip=uv is None)
    install: list[str | Path] = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    subprocess.run([*install, "--quiet", "--constraint", constraints, *requirements], check=True)


def _constraints(lock: Path, without: tuple[str, ...]) -> str:
    """``name==version`` lines of a uv.lock; a package that is locked at several versions is left to the resolver."""
    packages = tomllib.loads(lock.read_text())["package"]
    versions = Counter(package["name"] for package in packages)
    return "".join(
        f"{package['name']}=={package['version']}\n"
        for package in packages
        if versions[package["name"]] == 1 and "registry" in package["source"] and package["name"] not in without
    )
