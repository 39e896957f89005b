"""What rules may speak of where an image is held against what the manifest promises of it. See `facts`."""

import msgspec


class PromiseFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that the manifest says of the contents of an image.

    `key` is the key of the family (``os``, ``must_contain_apt``, ``must_contain_pip``), `wanted` its word.
    `found` is what the image has of it (a version, or its system), empty where it has nothing; `is_kept` says
    whether that is what is promised. `image` is the family or service whose image it is.
    """

    key: str = ""
    wanted: str = ""
    found: str = ""
    is_kept: bool = False
    image: str = ""
    family: str = ""
    services: tuple[str, ...] = ()
