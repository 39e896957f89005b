"""The text that a YAML value becomes where text is wanted: in workflows, in arguments of compose files."""

from fleet_audit.audit.configuration.located import Value


def as_text(value: Value) -> str | None:
    """Return the text that a value becomes; None for lists and mappings."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return format(value, ".15g")
        case str() | int():
            return str(value)
        case _:
            return None
