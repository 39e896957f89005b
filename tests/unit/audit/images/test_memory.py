from pathlib import Path

from fleet_audit.audit.images.memory import give_back


def resident_bytes() -> int:
    """Return what this process has in memory (man 5 proc, ``statm``)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_what_was_freed_below_what_is_used_goes_back() -> None:
    # Each too small to be mapped by itself, which goes back at once (man 3 mallopt, M_MMAP_THRESHOLD).
    bodies = [bytes([65]) * 100_000 for _ in range(1000)]
    last = bodies[-1]
    del bodies
    before = resident_bytes()

    give_back()

    assert before - resident_bytes() > 50_000_000
    assert len(last) == 100_000


def test_it_may_be_called_when_nothing_is_free() -> None:
    give_back()
    give_back()
