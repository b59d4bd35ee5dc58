"""签名: a receiver's secret, kept encrypted, and the signature of a message (Standard Webhooks).

A password is only compared and can be hashed; a signing secret is needed again for each message. So it is
stored encrypted, with a key that is derived from the service's own and stands in no database: a dump alone
gives nobody the power to sign.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks import Webhook

from app.errors import NotReady

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it: `whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


@lru_cache(maxsize=4)
def _cipher(service_key: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"chengguan webhook secrets").derive(service_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def encrypted(secret: str, service_key: str) -> str:
    """The secret as it is stored."""
    return _cipher(service_key).encrypt(secret.encode()).decode()


def decrypted(stored: str, service_key: str) -> str:
    """The secret again. Errors: `NotReady` when it was stored under another service key."""
    try:
        return _cipher(service_key).decrypt(stored).decode()
    except InvalidToken:
        raise NotReady(
            "签名密钥无法解密：服务密钥已更换，请为该接收方更换密钥"
            " / the secret was stored under another service key: give the receiver a new one"
        ) from None


def is_readable(stored: str, service_key: str) -> bool:
    """Whether it was stored under this service key."""
    try:
        decrypted(stored, service_key)
    except NotReady:
        return False
    return True


def headers(secret: Sequence[str], message_id: str, body: str, now: datetime) -> dict[str, str]:
    """The headers that a receiver checks; signed with each secret while an old one still counts."""
    signatures = (Webhook(one).sign(message_id, now, body) for one in secret)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
