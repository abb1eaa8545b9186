"""The one folder in which a trial installation keeps its state, and the secrets it makes for itself."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path


def home_folder() -> Path:
    """CONCORD_HOME, or `concord` in the user's data folder of this platform. Made with mode 0700."""
    if configured := os.environ.get("CONCORD_HOME"):
        folder = Path(configured).expanduser()
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support" / "concord"
    else:
        folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "concord"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder.resolve()


def secret_from(file: Path) -> str:
    """The secret in `file`; a new random one, readable by the owner only, if there is no such file."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        secret = secrets.token_urlsafe(18)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secret + "\n")
        return secret
