"""What should never be left in an extract: numbers, phones and mail addresses, found by their form."""

import re
from typing import Final, Literal

Kind = Literal["my_number", "phone", "mail"]
KINDS: Final[tuple[Kind, ...]] = ("my_number", "phone", "mail")
HALF_WIDTH: Final = str.maketrans(
    {chr(0xFF01 + place): chr(0x21 + place) for place in range(94)} | {"\u2010": "-", "\u2212": "-", "\u30fc": "-"}
)
TWELVE_DIGITS: Final = re.compile(r"(?<!\d)\d{4}[ -]?\d{4}[ -]?\d{4}(?!\d)")
PHONE: Final = re.compile(r"(?<!\d)(?:0\d{1,4}[-(]\d{1,4}[-)]\d{3,4}|0\d{9,10})(?!\d)")
MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def leftovers_in(text: str) -> frozenset[Kind]:
    """Give the kinds of identifiers that a published value seems to hold; full-width writing counts as well."""
    plain = text.translate(HALF_WIDTH)
    found = {
        "my_number": any(is_my_number(re.sub(r"\D", "", number)) for number in TWELVE_DIGITS.findall(plain)),
        "phone": PHONE.search(plain) is not None,
        "mail": MAIL.search(plain) is not None,
    }
    return frozenset(kind for kind in KINDS if found[kind])


def is_my_number(digits: str) -> bool:
    """Say whether twelve digits end in the check digit of an Individual Number (Order of the Ministry 85 of 2014, Art. 5)."""
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    remainder = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % 11
    return int(digits[11]) == (0 if remainder <= 1 else 11 - remainder)
