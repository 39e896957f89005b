import pytest

from fleet_audit.audit.images.distribution import distro_of, parse_os_release
from fleet_audit.audit.model.identity import Distro
from tests.support.images import OS_RELEASE
from tests.support.trees import Link, tree


def test_an_os_release_says_which_distribution_it_is() -> None:
    assert parse_os_release(OS_RELEASE) == Distro(
        "debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)"
    )


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("ID=alpine", "alpine"),
        ("ID='alpine'", "alpine"),
        ('ID="alpine"', "alpine"),
        ('  ID="al\\"pine"', 'al"pine'),
        ("#ID=other", ""),
        ("ID", ""),
        ('ID="unterminated', "unterminated"),
        ("ID=", ""),
    ],
)
def test_values_are_read_as_a_shell_reads_them(line: str, name: str) -> None:
    assert parse_os_release(line).id == name


def test_the_one_in_etc_comes_first_and_may_be_a_link() -> None:
    linked = tree({"/etc/os-release": Link("../usr/lib/os-release"), "/usr/lib/os-release": "ID=a"})
    both = tree({"/etc/os-release": "ID=b", "/usr/lib/os-release": "ID=a"})

    assert distro_of(linked).id == "a"
    assert distro_of(both).id == "b"
    assert distro_of(tree({"/usr/lib/os-release": "ID=c"})).id == "c"
    assert distro_of(tree({"/app": "x"})) == Distro()
