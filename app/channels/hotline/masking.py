"""脱敏: what is shown of callers' names and numbers, and of numbers in what people write. Pure."""

from __future__ import annotations

import re

from app.channels.hotline.order import Caller

#: 手机 with or without +86, 座机 with its area code: written together, with blanks or hyphens.
_MOBILE = r"(?:\+?86[-\s]?)?1[3-9]\d[-\s]?\d{4}[-\s]?\d{4}"
_LANDLINE = r"\(?0\d{2,3}\)?[-\s]?\d{7,8}"
#: 身份证 is nobody's business either.
_IDENTITY = r"[1-9]\d{16}[\dXx]"
_NUMBERS = re.compile(rf"(?<!\d)(?:{_IDENTITY}|{_MOBILE}|{_LANDLINE})(?!\d)")
#: Any other long number that is said to be one to call.
_SAID_TO_BE = re.compile(r"(?:电话|手机|座机|联系|号码|致电|拨打)[^\d\n]{0,6}\d[\d-]{5,18}\d")
_WIDE_DIGITS = str.maketrans("０１２３４５６７８９", "0123456789")


def name(full: str) -> str:
    """`张**` of 张三: the first character, and nothing of the length of the rest."""
    return f"{full[0]}**" if full else ""


def phone(full: str) -> str:
    """`138****1234` of a mobile number; of a shorter one the last digits only."""
    digits = [at for at, sign in enumerate(full) if sign.isdigit()]
    if len(digits) < 5:
        return "*" * len(full)
    shown = {*digits[:3], *digits[-4:]} if len(digits) >= 10 else set(digits[-2:])
    return "".join(sign if at in shown or at not in digits else "*" for at, sign in enumerate(full))


def words(said: str, caller: Caller) -> str:
    """The text with the caller's own name and number masked, and every number one could call."""
    said = said.translate(_WIDE_DIGITS)
    if len(caller.name) >= 2:
        said = said.replace(caller.name, name(caller.name))
    if len(caller.phone) >= 5:
        said = said.replace(caller.phone, phone(caller.phone))
    for numbers in (_NUMBERS, _SAID_TO_BE):
        said = numbers.sub(lambda found: phone(found[0]), said)
    return said
