"""What every error of fleet-audit has in common: it is a sentence for the person who must act."""


class FleetAuditError(Exception):
    """An expected failure: what happened, where, and what to do.

    Subclasses keep their facts as attributes and build the sentence in ``__str__``.
    The command line prints it in one line and exits with `exit_code`.
    """

    exit_code = 2


class ReaderGone(Exception):
    """Whoever read our standard output has closed it, as ``head`` does."""


class UsageError(FleetAuditError):
    """The command was asked for something that cannot be asked for."""
