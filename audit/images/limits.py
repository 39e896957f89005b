"""How much of an image is read at most before it is called hostile."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Bounds on one layer and on the documents that describe an image; sizes in bytes.

    A layer may inflate to `free_bytes` plus `ratio` times what was read of it, and never to more than
    `raw_bytes`. `header_bytes` bounds one PAX or GNU long name header, `name_bytes` a path (PATH_MAX of
    Linux), `all_name_bytes` the names of one layer together, `body_bytes` what collectors may ask to hold
    of one file, `document_bytes` a manifest or config.
    """

    entries: int = 2_000_000
    name_bytes: int = 4096
    all_name_bytes: int = 256 << 20
    header_bytes: int = 1 << 20
    raw_bytes: int = 64 << 30
    free_bytes: int = 1 << 30
    ratio: int = 200
    body_bytes: int = 1 << 30
    document_bytes: int = 16 << 20
    layers: int = 1024
    archive_members: int = 100_000


DEFAULT_LIMITS = Limits()
