"""Prints the path of a llama-cpp-python wheel compiled for this CPU, compiling if need be.

Compiled with ``-march=native`` the model answers a good deal faster, but such a wheel ends with an
illegal instruction on a CPU that lacks one of the flags. Wheels are therefore kept in a folder
whose name is a hash of everything that makes them differ. Prints nothing when exactly that wheel is
already installed in the Python that runs this script.

Standard library only: it runs before anything else is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

PACKAGE = "llama-cpp-python"
# The image and audio part (mtmd) is not used and takes a fifth of the compile time.
CMAKE_ARGS = "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF"


def cpu_flags() -> list[str]:
    """Return what this CPU can do, sorted, as the system names it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # macOS
        asked = ["sysctl", "-a", "machdep.cpu", "hw.optional"]
        text = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        return sorted(line for line in text.splitlines() if "features" in line or line[-2:] == " 1")
    # x86 says "flags", ARM "Features"; every core has its own line, and cores may differ.
    lines = re.findall(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.MULTILINE)
    return sorted(set.intersection(*(set(line.split()) for line in lines))) if lines else []


def identity(version: str) -> dict[str, object]:
    """Return everything that makes one compiled wheel differ from another."""
    return {
        "version": version,
        "machine": platform.machine(),
        "system": platform.system(),
        "libc": platform.libc_ver(),
        "abi": sysconfig.get_config_var("SOABI"),
        "cmake": CMAKE_ARGS,
        "flags": cpu_flags(),
    }


def key(identity: Mapping[str, object]) -> str:
    """Return the folder name of an identity."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def locked(lock: Path) -> tuple[str, str]:
    """Return version and ``sha256:…`` of the source archive that uv.lock names."""
    for package in tomllib.loads(lock.read_text("utf-8"))["package"]:
        if package["name"] == PACKAGE:
            return package["version"], package["sdist"]["hash"]
    raise SystemExit(f"{lock} does not name {PACKAGE}")


def installed(wheel: Path) -> bool:
    """Tell whether exactly the files of ``wheel`` are installed: another CPU's differ in hash."""
    try:
        there = metadata.distribution(PACKAGE).read_text("RECORD") or ""
    except metadata.PackageNotFoundError:
        return False
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        record = archive.read(name).decode()
    wanted = {line for line in record.splitlines() if "sha256=" in line}
    return wanted <= set(there.splitlines())


def build(version: str, digest: str, folder: Path) -> Path:
    """Compile the wheel into ``folder``, whole or not at all, and return its path."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(
        f"==> Compiling {PACKAGE} {version} for this CPU: about 5 minutes on two cores, once",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as name:
        work = Path(name)
        requirements = work / "requirements.txt"
        requirements.write_text(f"{PACKAGE}=={version} --hash={digest}\n")
        command = [
            sys.executable, "-m", "pip", "wheel", "--verbose", "--no-cache-dir", "--no-deps",
            "--no-binary", PACKAGE, "--require-hashes", "--disable-pip-version-check",
            "--wheel-dir", str(work / "wheel"), "--requirement", str(requirements),
        ]  # fmt: skip
        environment = os.environ | {
            "CMAKE_ARGS": CMAKE_ARGS,
            "CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 1),
            "TMPDIR": str(work),
        }
        log = work / "log"
        with log.open("wb") as output:
            started = time.monotonic()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
            try:
                _watch(process, log, started)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            tail = log.read_text(errors="replace").splitlines()[-40:]
            print("\n".join(tail), file=sys.stderr)
            raise SystemExit(f"{PACKAGE} {version} did not compile")
        _rename(work / "wheel", folder)
    print(f"==> compiled in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return next(folder.glob("*.whl"))


def _watch(process: subprocess.Popen[bytes], log: Path, started: float) -> None:
    """Wait, and say now and then how far the compiler is."""
    while True:
        try:
            process.wait(timeout=20)
            return
        except subprocess.TimeoutExpired:
            steps = re.findall(rb"^\s*\[(\d+)/(\d+)\]", log.read_bytes(), re.MULTILINE)
            where = f"{int(steps[-1][0])} of {int(steps[-1][1])} files" if steps else "preparing"
            print(f"    {time.monotonic() - started:4.0f} s  {where}", file=sys.stderr)


def _rename(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:  # another setup was quicker
        if not list(folder.glob("*.whl")):
            raise


def main() -> None:
    """Command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="IntentOS's cache folder")
    parser.add_argument("--lock", type=Path, default=Path(__file__).parent.parent / "uv.lock")
    arguments = parser.parse_args()
    version, digest = locked(arguments.lock)
    folder: Path = arguments.cache / "wheels" / key(identity(version))
    wheel = next(folder.glob("*.whl"), None) or build(version, digest, folder)
    if not installed(wheel):
        print(wheel)


if __name__ == "__main__":
    main()
