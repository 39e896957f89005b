"""The ports of EXPOSE (BuildKit's dockerfile2llb, convert_expose)."""

import ipaddress
import re

from fleet_audit.audit.errors import FleetAuditError

PROTOCOLS = ("sctp", "tcp", "udp")
_NUMBER = re.compile(r"[0-9]{1,10}")


class PortInvalid(FleetAuditError):
    """A word of EXPOSE is no port."""

    def __init__(self, text: str, why: str) -> None:
        """Keep the word and the reason."""
        super().__init__(text, why)
        self.text = text
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.text[:80]!r} is no port to expose: {self.why}"


def parse_ports(text: str) -> tuple[range, str]:
    """Return the ports of ``[[ip:]host:]port[-port][/protocol]``, and the protocol; raise PortInvalid."""
    *outside, inside = text.split(":")
    port, _, protocol = inside.partition("/")
    if not port:
        raise PortInvalid(text, "it has no number")
    protocol = protocol.lower() or "tcp"
    if protocol not in PROTOCOLS:
        raise PortInvalid(text, f"{protocol[:20]!r} is none of {', '.join(PROTOCOLS)}")
    ports = _range(text, port)
    host = outside[-1] if outside else ""
    _refuse_address(text, ":".join(outside[:-1]))
    if host:
        published = _range(text, host)
        if len(published) != len(ports) and len(ports) > 1:
            raise PortInvalid(text, "the ranges have different lengths")
    return ports, protocol


def _range(text: str, ports: str) -> range:
    numbers = ports.split("-")
    is_good = len(numbers) <= 2 and all(_NUMBER.fullmatch(each) and int(each) <= 0xFFFF for each in numbers)
    if not is_good:
        raise PortInvalid(text, f"{ports[:40]!r} is no number up to 65535 and no range of two")
    first, last = int(numbers[0]), int(numbers[-1])
    if last < first:
        raise PortInvalid(text, "the range ends before it begins")
    return range(first, last + 1)


def _refuse_address(text: str, address: str) -> None:
    if not address:
        return
    plain = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    try:
        ipaddress.ip_address(plain)
    except ValueError:
        raise PortInvalid(text, f"{plain[:60]!r} is no address") from None
