import pytest

from fleet_audit.audit.images.kept import MAX_KEPT, keep_package_facts
from fleet_audit.audit.model.identity import ImagePath


@pytest.mark.parametrize(
    "path",
    [
        "/var/lib/dpkg/status",
        "/var/lib/dpkg/info/libc6:amd64.list",
        "/var/lib/apt/extended_states",
        "/etc/os-release",
        "/usr/lib/os-release",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf.d/x.conf",
        "/etc/ld-musl-x86_64.path",
        "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        "/lib/x86_64-linux-gnu/ld-2.31.so",
        "/lib/ld-musl-x86_64.so.1",
        "/lib/ld64.so.2",
        "/etc/apt/sources.list.d/debian.sources",
        "/etc/apt/keyrings/a.gpg",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "/app/vendor/a-1.0.dist-info/RECORD",
        "/usr/lib/python3/dist-packages/a.egg-info",
        "/usr/lib/python3/dist-packages/a.egg-info/PKG-INFO",
        "/app/main.py",
        "/opt/site-packages/a.pth",
        "/venv/pyvenv.cfg",
        "/usr/local/bin/start",
        "/sbin/init",
        "/docker-entrypoint.sh",
    ],
)
def test_what_later_stages_read_is_kept(path: str) -> None:
    assert keep_package_facts(ImagePath(path), 1000)


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/libc.so.6",
        "/usr/share/doc/a/copyright",
        "/var/lib/apt/lists/a_Packages",
        "/app/model.bin",
        "/app/main.pyc",
        "/usr/lib/ldb/ldif.so",
        "/usr/local/bin/folder/data",
    ],
)
def test_what_nobody_reads_is_not(path: str) -> None:
    assert not keep_package_facts(ImagePath(path), 1000)


def test_large_files_are_not_kept() -> None:
    assert not keep_package_facts(ImagePath("/var/lib/dpkg/status"), MAX_KEPT + 1)
    assert not keep_package_facts(ImagePath("/usr/bin/python3.11"), 6 << 20)
