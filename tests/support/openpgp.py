"""Signs texts as gpgv reads them, with keys of its own: RSA, SHA-256, packets of version 4 (RFC 9580).

The key is made from a fixed seed and protects nothing.
"""

import base64
import hashlib
import math
import random
import struct
from functools import cache, cached_property

_MADE = 1_700_000_000
_EXPONENT = 65537
_ROUNDS = 16
# The prefix of a SHA-256 digest in PKCS #1 v1.5 (RFC 8017, section 9.2, note 1).
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


class SigningKey:
    """A key that signs; the same `name` gives the same key."""

    def __init__(self, name: str) -> None:
        """Name the key, which is made when it is first used: that takes a moment."""
        self.name = f"{name} <{name}@archive.example>"
        self._seed = name

    @cached_property
    def fingerprint(self) -> str:
        """Return the digest that names the key (RFC 9580, section 5.5.4)."""
        return hashlib.sha1(self._hashed_key, usedforsecurity=False).hexdigest().upper()

    @property
    def keyring(self) -> bytes:
        """Return the public key as a binary keyring."""
        name = self.name.encode()
        certified = self._signature(0x13, self._hashed_key + b"\xb4" + struct.pack(">I", len(name)) + name)
        return _framed(6, self._packet) + _framed(13, name) + certified

    def clear_signed(self, text: str) -> bytes:
        """Return `text`, which ends with a newline, within a clear signature."""
        lines = [line.rstrip(" \t") for line in text.removesuffix("\n").split("\n")]
        signature = self._signature(0x01, "\r\n".join(lines).encode())
        escaped = "\n".join(f"- {line}" if line.startswith("-") else line for line in lines)
        return (
            f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{escaped}\n"
            f"-----BEGIN PGP SIGNATURE-----\n\n{base64.encodebytes(signature).decode()}"
            "-----END PGP SIGNATURE-----\n"
        ).encode()

    @cached_property
    def _packet(self) -> bytes:
        modulus, _ = _rsa(self._seed)
        return b"\x04" + struct.pack(">IB", _MADE, 1) + _mpi(modulus) + _mpi(_EXPONENT)

    @property
    def _hashed_key(self) -> bytes:
        return b"\x99" + struct.pack(">H", len(self._packet)) + self._packet

    def _signature(self, kind: int, data: bytes) -> bytes:
        fingerprint = bytes.fromhex(self.fingerprint)
        about = b"\x05\x02" + struct.pack(">I", _MADE) + b"\x16\x21\x04" + fingerprint
        hashed = bytes((4, kind, 1, 8)) + struct.pack(">H", len(about)) + about
        digest = hashlib.sha256(data + hashed + b"\x04\xff" + struct.pack(">I", len(hashed))).digest()
        issuer = b"\x09\x10" + fingerprint[-8:]
        return _framed(
            2, hashed + struct.pack(">H", len(issuer)) + issuer + digest[:2] + _mpi(self._signed(digest))
        )

    def _signed(self, digest: bytes) -> int:
        modulus, secret = _rsa(self._seed)
        size = (modulus.bit_length() + 7) // 8
        end = b"\x00" + _SHA256_PREFIX + digest
        padded = b"\x00\x01" + b"\xff" * (size - len(end) - 2) + end
        return pow(int.from_bytes(padded, "big"), secret, modulus)


def _framed(tag: int, body: bytes) -> bytes:
    return bytes((0xC0 | tag, 0xFF)) + struct.pack(">I", len(body)) + body


def _mpi(number: int) -> bytes:
    return struct.pack(">H", number.bit_length()) + number.to_bytes((number.bit_length() + 7) // 8, "big")


@cache
def _rsa(seed: str) -> tuple[int, int]:
    """Return the modulus and the secret exponent."""
    source = random.Random(seed)  # noqa: S311  (a key for tests, which has to be the same each time)
    while True:
        p, q = _prime(source), _prime(source)
        order = (p - 1) * (q - 1)
        if p != q and math.gcd(order, _EXPONENT) == 1:
            return p * q, pow(_EXPONENT, -1, order)


def _prime(source: random.Random) -> int:
    while True:
        candidate = source.getrandbits(1024) | (3 << 1022) | 1
        if math.gcd(candidate, _SMALL) == 1 and _is_prime(candidate, source):
            return candidate


_SMALL = math.prod(n for n in range(3, 2000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))


def _is_prime(number: int, source: random.Random) -> bool:
    """Say whether a number is prime (Miller and Rabin)."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_passes(number, source.randrange(2, number - 1), odd, twos) for _ in range(_ROUNDS))


def _passes(number: int, base: int, odd: int, twos: int) -> bool:
    power = pow(base, odd, number)
    return power in (1, number - 1) or any(
        (power := pow(power, 2, number)) == number - 1 for _ in range(twos - 1)
    )
