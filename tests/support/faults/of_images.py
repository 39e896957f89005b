"""Images that are not there, damaged or not what they say, and services whose code cannot be read."""

import gzip
import json
import shutil
from collections.abc import Callable
from typing import Any

from tests.support.faults.fault import Breaking, Fault
from tests.support.faults.stand import Stand
from tests.support.gates import layers
from tests.support.images import ImageBuilder, layer_tar, sha256
from tests.support.trees import Link
from tests.support.worlds import APP, SERVICE, base_files, small_image


def _layer(at: Stand, change: Callable[[bytes], bytes]) -> None:
    file = at.layers[1]
    file.write_bytes(change(file.read_bytes()))


def _rebuilt(at: Stand, builder: ImageBuilder) -> None:
    shutil.rmtree(at.image)
    builder.write(at.image)


def _described(at: Stand, change: Callable[[dict[str, Any]], object]) -> None:
    """Write the image's manifest anew with a change, under the digest that it then has."""
    manifest = at.manifest
    change(manifest)
    body = json.dumps(manifest).encode()
    index = json.loads((at.image / "index.json").read_bytes())
    index["manifests"][0] |= {"digest": sha256(body), "size": len(body)}
    at.blob(sha256(body)).write_bytes(body)
    (at.image / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _of_type(media_type: str) -> Breaking:
    return lambda at: _described(at, lambda manifest: manifest["layers"][1].update(mediaType=media_type))


def _without_config(at: Stand) -> None:
    at.blob(at.manifest["config"]["digest"]).unlink()


def _without_state(at: Stand) -> None:
    files = {name: body for name, body in base_files().items() if "dpkg" not in name}
    state, *rest = layers()
    assert isinstance(state, dict)
    kept = {name: body for name, body in state.items() if "dpkg" not in name}
    raw = [layer_tar(each, mode=0o755) for each in (files, kept, *rest) if not isinstance(each, bytes)]
    _rebuilt(at, ImageBuilder(tuple(raw)))


def _damaged_state(at: Stand) -> None:
    _rebuilt(at, small_image(*layers(), {"var/lib/dpkg/status": b"\xff\x00" * 2000}))


def _in_a_circle(at: Stand) -> None:
    kept = {name: body for name, body in base_files().items() if not name.startswith("usr/lib/")}
    circle = {**kept, "usr/lib": Link("/usr/share/lib"), "usr/share/lib": Link("/usr/lib")}
    _rebuilt(at, ImageBuilder((layer_tar(circle, mode=0o755),)))


def _bomb(at: Stand) -> None:
    header = layer_tar({"zeros": b""})[:512]
    zeros = bytearray(header[:124] + b"77777777777\0" + header[136:512])
    zeros[148:156] = b" " * 8
    zeros[148:156] = b"%06o\0 " % sum(zeros)
    _rebuilt(at, small_image(*layers(), bytes(zeros) + b"\0" * (8 << 20)))


def _changed_meanwhile(at: Stand) -> None:
    """Have a scanner empty a layer that the next one is to be shown."""
    at.spoilt.add(at.layers[1])
    program = (at.bin / "syft").read_text(encoding="utf-8")
    cut = f": > '{at.layers[1]}'\n"
    (at.bin / "syft").write_text(program + cut, encoding="utf-8")


def _circle(at: Stand) -> None:
    at.file("services/face/other.py", "")
    (at.folder / "services/face/other.py").unlink()
    (at.folder / "services/face/other.py").symlink_to("other.py")
    at.file(APP, "import cv2\nimport other\n")


def _outwards(at: Stand) -> None:
    (at.root / "outside.py").write_text("import nothing_of_ours\n", encoding="utf-8")
    (at.folder / APP).unlink()
    (at.folder / APP).symlink_to(at.root / "outside.py")


def _folder_in_place(at: Stand) -> None:
    (at.folder / APP).unlink()
    (at.folder / APP).mkdir()


def _alter(at: Stand) -> None:
    index = json.loads((at.image / "index.json").read_bytes())
    file = at.blob(index["manifests"][0]["digest"])
    file.write_bytes(file.read_bytes() + b" ")


def _layer_fault(name: str, breaks: Breaking, says: str) -> Fault:
    return Fault(name, breaks, 3, says, "unreadable-layer")


_OTHER = gzip.compress(layer_tar({"x": ""}))
_WRONG = {1: "sha256:" + "0" * 64}
_NOT_BUILT = "no-image"

IMAGES = (
    Fault(
        "the image is not there",
        lambda at: shutil.rmtree(at.image),
        3,
        "there is nothing at oci:",
        _NOT_BUILT,
    ),
    Fault(
        "the image has no index",
        lambda at: (at.image / "index.json").unlink(),
        3,
        "has no index.json",
        _NOT_BUILT,
    ),
    Fault(
        "the image's index is cut short",
        lambda at: (at.image / "index.json").write_bytes(b'{"sch'),
        3,
        "its index.json is damaged",
        _NOT_BUILT,
    ),
    Fault(
        "the image's manifest is another one than its digest says",
        _alter,
        3,
        "has the digest sha256:",
        _NOT_BUILT,
    ),
    Fault(
        "the image has no configuration", _without_config, 3, "is missing; save the image again", _NOT_BUILT
    ),
    Fault(
        "the image is for another processor",
        lambda at: _rebuilt(at, small_image(*layers(), architecture="s390x")),
        3,
        "has no image for linux/amd64",
        _NOT_BUILT,
    ),
    _layer_fault("a layer is not there", lambda at: at.layers[1].unlink(), "is missing from the layout"),
    _layer_fault(
        "a layer is cut short",
        lambda at: _layer(at, lambda data: data[: len(data) // 3]),
        "but the manifest says",
    ),
    _layer_fault("a layer is empty", lambda at: _layer(at, lambda _: b""), "has 0 bytes"),
    _layer_fault(
        "a layer is another one than its digest says",
        lambda at: _layer(at, lambda _: _OTHER),
        "but the manifest says",
    ),
    _layer_fault(
        "a bit of a layer is flipped",
        lambda at: _layer(at, lambda data: data[:99] + bytes([data[99] ^ 1]) + data[100:]),
        "has a damaged gzip stream",
    ),
    _layer_fault(
        "a layer unpacks to other bytes than its diffID says",
        lambda at: _rebuilt(at, small_image(*layers(), diff_ids=_WRONG)),
        "but the configuration says",
    ),
    _layer_fault(
        "a layer is of an unknown type",
        _of_type("application/x-unknown"),
        "has the media type 'application/x-unknown'",
    ),
    _layer_fault(
        "a layer is packed in an unknown way",
        _of_type("application/vnd.oci.image.layer.v1.tar+xz"),
        "tar+xz', which is unknown",
    ),
    _layer_fault("a layer claims a file of gigabytes", _bomb, "is truncated inside a file's body"),
    _layer_fault("a layer is emptied while the image is looked at", _changed_meanwhile, "has 0 bytes"),
    Fault("folders of the image are links in a circle", _in_a_circle, 1, "nobody provides the module cv2"),
    Fault(
        "the image says nothing of its packages",
        _without_state,
        3,
        "its package database is missing or damaged",
        "not-scanned",
    ),
    Fault(
        "what the image says of its packages is damaged",
        _damaged_state,
        3,
        "holds a stanza that names no package",
        "unreadable-file",
    ),
)

SOURCES = (
    Fault(
        "a service's entry is not there",
        lambda at: (at.folder / APP).unlink(),
        1,
        "the entry services/face/app.py is not in the repository",
    ),
    Fault(
        "a service's code is not there",
        lambda at: shutil.rmtree(at.folder / "services" / SERVICE),
        1,
        "face has no such source path",
        "no-service-source",
    ),
    Fault(
        "a service's entry cannot be parsed",
        lambda at: at.file(APP, "import cv2\ndef ("),
        1,
        "does not parse: invalid syntax",
    ),
    Fault(
        "a service's entry is no text",
        lambda at: at.file(APP, b"\xff\xfe\x00import cv2"),
        1,
        "services/face/app.py does not parse",
    ),
    Fault(
        "a service's entry is a folder",
        _folder_in_place,
        3,
        "the entry of face is neither a file nor a module",
        "unresolved-entry",
    ),
    Fault(
        "a service's entry leads out of the repository",
        _outwards,
        3,
        "the entry of face is neither a file nor a module",
        "unresolved-entry",
    ),
    Fault("a module is a link to itself", _circle, 1, "nobody provides the module other"),
)
