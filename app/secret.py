"""Secrets of an installation: given as a setting, else made once and kept in the data folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from app.errors import NotReady
from app.settings import Settings

_FILE = "signing-key"


def signing_key(settings: Settings) -> str:
    """The key that signs access tokens: the setting's, or the one in `data/signing-key`.

    Errors: `NotReady` when the folder cannot be written or the file is not a key.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return kept_secret(settings.data / _FILE, lambda: secrets.token_urlsafe(48), "CHENGGUAN_SECRET_KEY")


def kept_secret(path: Path, make: Callable[[], str], setting: str) -> str:
    """The secret in the file (mode 0600), made when it is not there yet; `setting` is named where it cannot.

    Errors: `NotReady` when the folder cannot be written or the file holds no secret.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}-{os.getpid()}")
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(make())
            try:
                path.hardlink_to(draft)  # whole or not at all; the first of several processes wins
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        key = path.read_text().strip()
    except OSError as error:
        raise NotReady(f"cannot keep a secret in {path.parent} ({error.strerror}): set {setting}") from error
    if len(key) < 32:
        raise NotReady(f"{path} holds no key of 32 characters or more: delete it to have one made")
    return key
