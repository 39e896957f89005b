"""What is in an image, as the whole command says it."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from tests.support.archives import stanza
from tests.support.elf import Symbol, elf
from tests.support.images import Content, ImageBuilder, layer_tar
from tests.support.scanner_programs import syft_that
from tests.support.scanners import real_syft
from tests.support.worlds import FAMILY, World, extension, installed, library, opencv

SITE = "usr/local/lib/python3.11/site-packages"
WEBP = "libwebp-51b0b3f7.so.7.2.0"
Sbom = dict[str, Any]


@pytest.fixture(autouse=True)
def no_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without a syft; a test that wants the real one names it."""
    monkeypatch.setenv("FLEET_AUDIT_SYFT", "/nonexistent/syft")


def dpkg(*stanzas: str) -> dict[str, Content]:
    """Return dpkg's database with these packages."""
    return {"var/lib/dpkg/status": "\n".join(stanzas)}


def status(name: str, version: str, **fields: Any) -> str:
    return stanza(name, version, Status="install ok installed", **fields)


def pillow(**files: Content) -> dict[str, Content]:
    """Return a wheel whose extension module needs a library of the wheel and one of the system."""
    own: dict[str, Content] = {
        "PIL/__init__.py": "from . import _webp\n",
        "PIL/_webp.cpython-311-x86_64-linux-gnu.so": extension("_webp", WEBP, "libz.so.1"),
        **library(f"pillow.libs/{WEBP}"),
    }
    return installed("pillow", {**own, **files}, version="11.0.0")


def sbom(world: World, *words: str, form: str = "cyclonedx-json") -> tuple[int, Sbom, str]:
    file = world.folder.parent / "sbom.json"
    code, _, err = world.say("sbom", *words, "-o", f"{form}={file}")
    body = file.read_bytes()
    (check_cyclonedx if form == "cyclonedx-json" else check_spdx)(body)
    return code, json.loads(body), err


def components(document: Sbom) -> dict[str, Sbom]:
    return {each["name"]: each for each in document["components"]}


def below(document: Sbom, name: str) -> set[str]:
    """Return the names of what a component depends on."""
    names = {each["bom-ref"]: each["name"] for each in document["components"]}
    refs = {names[ref]: ref for ref in names}
    (row,) = (each for each in document["dependencies"] if each["ref"] == refs[name])
    return {names[ref] for ref in row.get("dependsOn", ())}


def properties(value: Sbom) -> dict[str, str]:
    return {each["name"]: each["value"] for each in value.get("properties", ())}


def test_without_syft_the_document_says_so_and_the_exit_code_is_3(world: World) -> None:
    code, document, err = sbom(world, world.image("x", pillow(), dpkg(status("zlib1g", "1:1.2.13-1"))))

    assert code == 3
    assert document["compositions"][0]["aggregate"] == "incomplete"
    assert "syft" in err
    assert "incomplete" in err
    assert {"pillow", "zlib1g", "libwebp"} <= set(components(document))


def test_a_wheel_bundles_a_library_and_needs_a_package_of_the_system(world: World) -> None:
    zlib = {**library("usr/lib/libz.so.1"), "var/lib/dpkg/info/zlib1g.list": "/usr/lib/libz.so.1\n"}
    image = world.image("x", pillow(), zlib, dpkg(status("zlib1g", "1:1.2.13-1")))

    _, document, _ = sbom(world, image)

    assert {"libwebp", "zlib1g"} <= below(document, "pillow")
    assert properties(components(document)["libwebp"])["fleet-audit:bundled-in"] == "pkg:pypi/pillow@11.0.0"


def test_a_library_of_another_image_is_not_taken_for_this_ones(world: World) -> None:
    image = world.image("x", pillow(), dpkg(status("zlib1g", "1:1.2.13-1")))

    _, document, _ = sbom(world, image)

    assert "zlib1g" not in below(document, "pillow")


def test_what_a_wheel_declares_of_itself_is_told_of_its_library(world: World) -> None:
    told = {"bomFormat": "CycloneDX", "components": [{"name": "libwebp", "version": "1.6.0"}]}
    files = {"pillow-11.0.0.dist-info/sboms/own.cdx.json": json.dumps(told)}

    _, document, _ = sbom(world, world.image("x", pillow(**files)))

    (one,) = (each for each in document["components"] if each["name"] == "libwebp")
    assert one["version"] == "1.6.0"


def test_a_wheels_sbom_that_cannot_be_read_is_told(world: World) -> None:
    files = {"pillow-11.0.0.dist-info/sboms/own.json": "{"}

    _, document, err = sbom(world, world.image("x", pillow(**files)))

    assert "own.json" in err
    assert "own.json" in json.dumps(document["metadata"])


def test_the_dependencies_of_packages_are_what_answers_them(world: World) -> None:
    packages = dpkg(
        status("libwebp7", "1.2.4-0.2", Depends="libc6 (>= 2.34), default-mta | mail-transport-agent"),
        status("libc6", "2.36-9"),
        status("exim4", "4.96", Provides="mail-transport-agent"),
        status("other", "1"),
    )

    _, document, _ = sbom(world, world.image("x", packages))

    assert below(document, "libwebp7") == {"libc6", "exim4"}


def test_a_package_hangs_on_those_of_its_own_architecture(world: World) -> None:
    names = ("zlib1g", "libc6")
    stanzas = [
        status(name, "1.0", Architecture=architecture, Depends="libc6", Multi_Arch="same")
        for name in names
        for architecture in ("amd64", "i386")
    ]

    _, document, _ = sbom(world, world.image("x", dpkg(*stanzas)))

    rows = {row["ref"]: row.get("dependsOn", []) for row in document["dependencies"]}
    assert rows["pkg:deb/debian/zlib1g@1.0?arch=i386"] == ["pkg:deb/debian/libc6@1.0?arch=i386"]
    assert rows["pkg:deb/debian/zlib1g@1.0?arch=amd64"] == ["pkg:deb/debian/libc6@1.0?arch=amd64"]


def test_a_wheel_that_loads_a_library_of_another_wheel_depends_on_it(world: World) -> None:
    module = elf(
        needed=["libcudnn.so.9"], runpath="$ORIGIN/../nvidia/cudnn/lib", symbols=[Symbol("PyInit__C")]
    )
    torch = installed("torch", {"torch/__init__.py": "", "torch/_C.so": module})
    cudnn = installed("nvidia-cudnn", library("nvidia/cudnn/lib/libcudnn.so.9"))

    _, document, _ = sbom(world, world.image("x", torch, cudnn))

    assert "nvidia-cudnn" in below(document, "torch")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 3", "ended with status 3"),
        ("echo crashed >&2; kill -SEGV $$", "ended with status -11: crashed"),
        ("true", "it is empty"),
        ('echo "{" > "$OUT"', "its answer cannot be read"),
        ('echo \'{"schema": {"version": "16.0"}, "artifacts": \' > "$OUT"', "its answer cannot be read"),
        ('echo \'{"schema": {"version": "99.0"}}\' > "$OUT"', "it has schema 99.0"),
        ('truncate -s 1073741825 "$OUT"', "it has 1073741825 bytes"),
        ("yes", "wrote more than 1048576 bytes"),
        ("sleep 600", "did not end within 0.5 seconds; --scanner-timeout gives it longer"),
    ],
)
def test_a_syft_that_fails_leaves_a_document_that_says_so(
    world: World, tmp_path: Path, line: str, words: str
) -> None:
    program = syft_that(tmp_path / "bin", line)
    image = world.image("x", dpkg(status("zlib1g", "1:1.2.13-1")))
    asked = ("--scanner-timeout", "0.5") if line.startswith("sleep") else ()

    code, document, err = sbom(world, image, "--syft", str(program), *asked)

    assert code == 3
    assert document["compositions"][0]["aggregate"] == "incomplete"
    assert "zlib1g" in components(document)
    assert "fleet-audit: incomplete: syft:" in err
    assert words in err


def test_a_python_that_syft_tells_too_is_there_once_with_the_version_that_it_read(
    world: World, tmp_path: Path
) -> None:
    image = world.image("x")
    path = "/usr/local/bin/python3.11"
    answer = {
        "schema": {"version": "16.0.18"},
        "descriptor": {"name": "syft", "version": "1.18.1"},
        "source": {"id": "x", "name": "x", "version": "", "type": "image", "metadata": {}},
        "artifacts": [
            {
                "id": "1",
                "name": "python",
                "version": "3.11.9",
                "type": "binary",
                "foundBy": "binary-classifier-cataloger",
                "locations": [{"path": path}],
                "purl": "pkg:generic/python@3.11.9",
            }
        ],
        "artifactRelationships": [],
    }
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(answer))
    program = syft_that(tmp_path / "bin", f'cat {file} > "$OUT"')

    _, alone, _ = sbom(world, image)
    _, both, _ = sbom(world, image, "--syft", str(program))

    assert components(alone)["python"]["evidence"]["occurrences"][0]["location"] == path
    assert [each["version"] for each in both["components"] if each["name"] == "python"] == ["3.11.9"]


def test_requirements_count_as_their_markers_hold_in_the_image(world: World) -> None:
    extra = "\n".join(
        (
            "Requires-Dist: numpy>=2; python_version >= '3.9'",
            "Requires-Dist: colorama; sys_platform == 'win32'",
            "Requires-Dist: lxml; extra == 'xml'",
        )
    )
    layers = [installed("pandas", {"pandas/__init__.py": ""}, extra=extra)]
    layers += [installed(name, {f"{name}/__init__.py": ""}) for name in ("numpy", "colorama", "lxml")]

    _, document, _ = sbom(world, world.image("x", *layers))

    assert below(document, "pandas") == {"numpy"}


def test_an_extra_that_somebody_asks_for_counts(world: World) -> None:
    pandas = installed("pandas", {"pandas/__init__.py": ""}, extra="Requires-Dist: lxml; extra == 'xml'")
    reader = installed("reader", {"reader/__init__.py": ""}, extra="Requires-Dist: pandas[xml]")
    lxml = installed("lxml", {"lxml/__init__.py": ""})

    _, document, _ = sbom(world, world.image("x", pandas, reader, lxml))

    assert below(document, "pandas") == {"lxml"}


def test_a_service_imports_a_distribution_at_a_line(world: World) -> None:
    world.family(FAMILY, opencv()).service("face", "import os\n\nimport cv2\n")

    _, document, _ = sbom(world, "face")

    assert "opencv-python" in below(document, "face")
    assert {
        "location": "services/face/app.py",
        "line": 3,
        "additionalContext": "imported by face",
    } in components(document)["opencv-python"]["evidence"]["occurrences"]


def test_the_layer_that_brought_a_package_and_its_family_are_told(world: World) -> None:
    base = installed("numpy", {"numpy/__init__.py": ""})
    world.family("base", base).family(FAMILY, base, opencv(), parent="base").service("face", "import cv2\n")

    _, document, _ = sbom(world, FAMILY)

    told = {name: properties(each) for name, each in components(document).items()}
    assert told["numpy"]["fleet-audit:origin"] == "base"
    assert told["opencv-python"]["fleet-audit:origin"] == FAMILY
    assert told["numpy"]["fleet-audit:layer"] != told["opencv-python"]["fleet-audit:layer"]


def test_a_package_that_a_later_layer_upgrades_is_that_layers(world: World) -> None:
    first = {"var/lib/dpkg/info/a.list": "/usr/share/a\n", **dpkg(status("a", "1"))}
    second = {"var/lib/dpkg/info/a.list": "/usr/share/a\n/usr/share/b\n", **dpkg(status("a", "2"))}

    _, document, _ = sbom(world, world.image("x", first, second))

    layers = {
        name: value
        for name, value in properties(document["metadata"]["component"]).items()
        if "layer" in name
    }
    assert properties(components(document)["a"])["fleet-audit:layer"] == layers["fleet-audit:layer:2"]


def test_the_same_image_gives_the_same_bytes_wherever_it_lies(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.image("one/x", pillow())
    world.image("two/x", pillow())
    first = world.say("sbom", "oci:one/x")[1]
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(world.cache / "other"))

    assert world.say("sbom", "oci:two/x")[1] == first


def test_the_configuration_of_the_image_is_told_without_secrets(world: World) -> None:
    config = {
        "User": "10001",
        "Cmd": ["serve", "--password", "hunter2hunter2"],
        "Env": ["API_TOKEN=0123456789abcdef"],
        "Labels": {
            "org.opencontainers.image.revision": "4f2c1d0",
            "org.opencontainers.image.source": "https://bob:pa55w0rd@git.example/fleet",
        },
    }

    _, document, _ = sbom(world, world.image("x", config=config))

    told = properties(document["metadata"]["component"])
    assert (told["fleet-audit:image-user"], told["fleet-audit:git-revision"]) == ("10001", "4f2c1d0")
    assert told["fleet-audit:image-command"].startswith("serve --password ")
    text = json.dumps(document)
    assert [secret for secret in ("hunter2", "0123456789abcdef", "pa55w0rd") if secret in text] == []


def test_spdx_and_text_tell_the_same_components(world: World) -> None:
    image = world.image("x", pillow(), dpkg(status("zlib1g", "1:1.2.13-1")))

    _, document, _ = sbom(world, image, form="spdx-json")
    code, out, _ = world.say("sbom", image, "-o", "text")

    assert {"pillow", "zlib1g", "libwebp"} <= {each["name"] for each in document["packages"]}
    assert code == 3
    assert "pillow 11.0.0" in out
    assert "INCOMPLETE" in out


def test_a_family_whose_image_is_not_built_is_incomplete(world: World) -> None:
    world.family(FAMILY, image="oci:images/nowhere").service("face")

    code, document, err = sbom(world, FAMILY)

    assert code == 3
    assert document.get("components", []) == []
    assert "nowhere" in err


@pytest.mark.parametrize("form", ["cyclonedx-json", "spdx-json"])
def test_a_document_that_is_added_to_keeps_its_form_and_everything_in_it(world: World, form: str) -> None:
    _, document, _ = sbom(world, world.image("x", pillow(), dpkg(status("zlib1g", "1:1.2.13-1"))), form=form)
    (world.folder / "own.json").write_text(json.dumps(document))

    code, out, err = world.say("sbom", "--from", "own.json")

    again = json.loads(out)
    assert (code, err) == (0, "")
    assert {key: value for key, value in again.items() if key != "annotations"} == document


def test_a_document_of_syft_itself_is_written_in_every_form(world: World) -> None:
    file = str(Path(__file__).parents[1] / "fixtures" / "scanners" / "syft-1.18.1-vulnerable-image.json")

    for form in ("cyclonedx-json", "spdx-json"):
        code, document, _ = sbom(world, "--from", file, form=form)
        assert code == 0
        assert "zlib1g" in json.dumps(document)
    assert "Debian package" in world.say("sbom", "--from", file, "-o", "text")[1]


@pytest.mark.parametrize("form", ["cyclonedx-json", "spdx-json"])
def test_documents_of_two_images_become_one(world: World, form: str) -> None:
    zlib, curl = status("zlib1g", "1:1.2.13-1"), status("curl", "8.0-1")
    for name, packages in (("first", dpkg(zlib)), ("second", dpkg(zlib, curl))):
        file = world.folder / f"{name}.json"
        world.say("sbom", world.image(name, packages), "-o", f"{form}={file}")

    code, document, err = sbom(world, "merge", "first.json", "second.json", "--name", "shop", form=form)
    _, again, _ = sbom(world, "merge", "second.json", "first.json", "first.json", "--name", "shop", form=form)

    # Each was made without a syft.
    assert code == 3
    assert err.count("its document says that something is missing") == 2
    assert again == document
    if form == "cyclonedx-json":
        assert document["metadata"]["component"]["name"] == "shop"
        assert "curl" not in below(document, "first")
        assert {"curl", "zlib1g"} <= below(document, "second")


def test_documents_in_three_forms_are_merged_and_shown(world: World) -> None:
    syft = Path(__file__).parents[1] / "fixtures" / "scanners" / "syft-1.18.1-vulnerable-image.json"
    for form in ("cyclonedx-json", "spdx-json"):
        world.say("sbom", "--from", str(syft), "-o", f"{form}={world.folder / form}.json")

    code, out, err = world.say(
        "sbom", "merge", "cyclonedx-json.json", "spdx-json.json", str(syft), "-o", "text"
    )

    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    packages = {each["purl"] for each in json.loads(syft.read_bytes())["artifacts"]}
    assert ["image.tar", str(len({"the system", *packages}))] in [line[:2] for line in lines]
    assert ["found", "by", "syft", "1.18.1"] in lines
    assert ["container", "not", "known", "1"] in lines


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("merge", "nowhere.json"), "nowhere.json: cannot be read"),
        (("merge", "fleet.yaml"), "fleet.yaml: is no JSON document"),
        (("merge", "a.json", "--image", "oci:a"), "sbom merge takes files alone"),
        (("merge", "a.json", "--from", "b.json"), "sbom merge takes files alone"),
        (("oci:a", "--name", "b"), "--name is for sbom merge"),
        (("--from", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--from", "fleet.yaml"), "fleet.yaml: is no JSON document"),
        (("x", "--from", "a.json"), "--from takes the place of an image"),
        ((), "name a family, a service or an image"),
        (("oci:a", "oci:b"), "one document holds one image"),
        (("oci:a", "--image", "oci:b"), "--image replaces"),
        (("oci:a", "-o", "pdf"), "'pdf' is not one of cyclonedx-json, spdx-json, text"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(world: World, words: tuple[str, ...], told: str) -> None:
    world.file("fleet.yaml", "version: 1\nfleet: small\nfamilies: {}\nservices: []\n")

    code, _, err = world.say("sbom", *words)

    assert code == 2
    assert told in err


def test_names_of_an_image_cannot_break_the_document(world: World) -> None:
    name = 'evil"<script>\u202e'
    files: dict[str, Content] = {
        f"{SITE}/{name}-1.0.dist-info/METADATA": f"Name: {name}\nVersion: 1\x1b[31m\n"
    }

    sbom(world, world.image("x", files, dpkg(status("a", "1\x07", Source="b (\u2028)"))))


class TestWithTheRealSyft:
    @pytest.fixture(autouse=True)
    def scanner(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the real one asked."""
        monkeypatch.setenv("FLEET_AUDIT_SYFT", str(real_syft().path))

    def test_what_both_find_is_one_component(self, world: World) -> None:
        packages = dpkg(status("zlib1g", "1:1.2.13-1", Maintainer="Somebody <a@packages.example>"))
        code, document, err = sbom(world, world.image("x", pillow(), packages))

        assert (code, err) == (0, "")
        for name in ("pillow", "zlib1g"):
            found = [each["value"] for each in components(document)[name]["properties"]]
            assert {"fleet-audit", "syft"} <= set(found)
        assert "compositions" not in document
        assert [tool["name"] for tool in document["metadata"]["tools"]["components"]] == [
            "fleet-audit",
            "syft",
        ]

    def test_the_set_of_packages_is_that_of_deps(self, world: World) -> None:
        image = world.image("x", pillow(), dpkg(status("zlib1g", "1:1.2.13-1")))
        _, document, _ = sbom(world, image)

        digest = properties(document["metadata"])["fleet-audit:package-set"]
        assert digest == world.run("deps", image).document["package_set"]

    def test_an_image_without_python_is_listed_like_any_other(self, world: World) -> None:
        ImageBuilder((layer_tar(dpkg(status("zlib1g", "1:1.2.13-1"))),)).write(world.folder / "bare", "oci")
        ImageBuilder((layer_tar({"hello": "world"}),)).write(world.folder / "scratch", "oci")

        code, document, err = sbom(world, "oci:bare")
        empty, nothing, _ = sbom(world, "oci:scratch")

        assert (code, err, list(components(document))) == (0, "", ["zlib1g"])
        assert (empty, nothing.get("components", [])) == (0, [])

    def test_a_distribution_without_one_package_of_it_is_incomplete(self, world: World) -> None:
        damaged: dict[str, Content] = {
            "etc/os-release": "ID=rhel\nVERSION_ID=8.4\n",
            "var/lib/rpm/Packages": "garbage",
        }
        ImageBuilder((layer_tar(damaged),)).write(world.folder / "damaged", "oci")

        code, document, err = sbom(world, "oci:damaged")

        assert (code, document["compositions"][0]["aggregate"]) == (3, "incomplete")
        assert "packages of rhel 8.4: none was found" in err

    def test_a_folder_is_listed_too(self, world: World, tmp_path: Path) -> None:
        root = tmp_path / "root"
        for name, content in {
            **dpkg(status("zlib1g", "1:1.2.13-1")),
            "etc/os-release": "ID=debian\n",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(str(content))

        _, document, _ = sbom(world, f"dir:{root}")

        assert "zlib1g" in components(document)
