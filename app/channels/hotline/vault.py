"""来电人信息加密: callers' names and numbers as the database has them (Fernet: AES-128-CBC, HMAC-SHA256).

The first key encrypts, every key decrypts: a new key goes in front, `chengguan hotline reencrypt` brings
all to it, then the old one may go.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.channels.hotline.order import Caller
from app.errors import NotReady
from app.secret import kept_secret
from app.settings import Settings

_FILE = "caller-key"


class Vault:
    """Encrypts and decrypts callers."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Errors: `NotReady` when one of them is no key."""
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise NotReady(
                "CHENGGUAN_HOTLINE__CALLER_KEYS: a key is 32 bytes in URL-safe base64 (cryptography's Fernet)"
            ) from error

    def closed(self, caller: Caller) -> bytes:
        """The caller encrypted."""
        return self._fernet.encrypt(caller.model_dump_json().encode())

    def opened(self, kept: bytes) -> Caller:
        """The caller as it was. Errors: `NotReady` when the key it was encrypted with is gone."""
        try:
            return Caller.model_validate_json(self._fernet.decrypt(kept))
        except InvalidToken as error:
            raise NotReady("来电人信息的密钥已不在 / the key of the callers' data is missing") from error

    def renewed(self, kept: bytes) -> bytes:
        """The same under the first key. Errors: `NotReady` when its key is gone."""
        try:
            return self._fernet.rotate(kept)
        except InvalidToken as error:
            raise NotReady("来电人信息的密钥已不在 / the key of the callers' data is missing") from error


@lru_cache(maxsize=8)
def vault_of(settings: Settings) -> Vault:
    """Under the setting's keys, or else the one in `data/caller-key`, made when it is not there."""
    given = [key.get_secret_value() for key in settings.hotline.caller_keys]
    path = settings.data / _FILE
    if given and not path.exists():
        return Vault(given)
    # What was encrypted before a setting named the keys is still read.
    kept = kept_secret(path, lambda: Fernet.generate_key().decode(), "CHENGGUAN_HOTLINE__CALLER_KEYS")
    return Vault([*given, kept])
