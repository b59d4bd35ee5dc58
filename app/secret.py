"""The key that signs access tokens: given as a setting, else made once and kept in the data folder."""

from __future__ import annotations

import os
import secrets

from app.errors import NotReady
from app.settings import Settings

_FILE = "signing-key"


def signing_key(settings: Settings) -> str:
    """The setting's key, or the one in `data/signing-key` (mode 0600), made when it is not there yet.

    Errors: `NotReady` when the folder cannot be written or the file is not a key.
    """
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    path = settings.data / _FILE
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        draft = settings.data / f".{_FILE}-{os.getpid()}"
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                path.hardlink_to(draft)  # whole or not at all; the first of several processes wins
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        key = path.read_text().strip()
    except OSError as error:
        raise NotReady(
            f"cannot keep a signing key in {settings.data} ({error.strerror}): set CHENGGUAN_SECRET_KEY"
        ) from error
    if len(key) < 32:
        raise NotReady(f"{path} holds no signing key of 32 characters or more: delete it to have one made")
    return key
