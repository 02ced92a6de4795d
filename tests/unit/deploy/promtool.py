"""Prometheus' own tool for checking rules: an installed one, or else out of Debian's package."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_LOCAL: Final = Path(__file__).parents[3] / ".local"
_WITHIN_S: Final = 90


def find_promtool() -> Path | None:
    """Where promtool is. Debian's package is unpacked beside the checkout, and not installed:
    that would start a server. None where there is neither."""
    unpacked = _LOCAL / "promtool"
    if unpacked.exists():
        return unpacked
    if installed := shutil.which("promtool"):
        return Path(installed)
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        return None
    print("unpacking promtool from Debian's package prometheus, once ...", file=sys.stderr)
    _LOCAL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_LOCAL) as name:
        folder = Path(name)
        if not _done([apt, "download", "prometheus"], folder):
            return None
        (package,) = folder.glob("prometheus_*.deb")
        if not _done([dpkg, "-x", package, folder / "in"], folder):
            return None
        (folder / "in" / "usr" / "bin" / "promtool").replace(unpacked)
    return unpacked


def _done(command: list[str | Path], folder: Path) -> bool:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=_WITHIN_S)
    return done.returncode == 0
