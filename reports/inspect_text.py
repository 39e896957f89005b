"""What an image would run, for a terminal."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.inspection import DetectedService, InspectReport, LayerSize
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import CommandLine, HealthSetting, Setting, Variable
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, Style, count, size
from fleet_audit.reports.text import (
    one_after_the_other,
    shell,
    short_digest,
    typed_path,
    write_gaps,
    write_head,
    write_next,
    write_notes,
    write_verdict,
)

Row = tuple[Line, Line, Line]

MAX_ROWS = 200
"""Variables, labels or layers that are shown; documents hold all of them."""

_SURE: dict[Confidence, Style] = {
    Confidence.CERTAIN: "green",
    Confidence.LIKELY: "yellow",
    Confidence.POSSIBLE: "dim",
}
_UNKNOWN = "not known"
_WORDS = {Confidence.CERTAIN: "runs", Confidence.LIKELY: "likely", Confidence.POSSIBLE: "installed"}


def inspect_text(reports: Sequence[InspectReport], options: RenderOptions) -> str:
    """Return what images would run, one after the other."""
    return one_after_the_other(reports, options, _write)


def _write(page: Page, report: InspectReport) -> None:
    write_head(page, report.subject, report.image)
    if report.dockerfile:
        file = "" if report.dockerfile == report.subject else report.dockerfile
        stage = f"stage {report.target}" if report.target else ""
        if file or stage:
            page.line(Piece("   ".join(part for part in (file, stage) if part), "dim"))
        page.line(Piece("built on ", "dim"), " ← ".join(report.bases) or "nothing")
    write_notes(page, report)
    page.blank()
    page.table(("", "", ""), [*_rows(report)], indent=0)
    _write_variables(page, "Environment", report.run.env, report.masked)
    _write_variables(page, "Labels", report.run.labels, report.masked)
    _write_services(page, report.services)
    _write_layers(page, report.layers)
    write_gaps(page, report.gaps)
    write_verdict(page, report)
    write_next(page, _next(report, page.options))


def _next(report: InspectReport, options: RenderOptions) -> list[tuple[str, Sequence[str]]]:
    """Return what to type next: the checks of the Dockerfile, or of what the image loads."""
    if report.dockerfile:
        path = typed_path(options, report.dockerfile)
        return [("check it", ("fleet-audit", "dockerfiles", path))]
    if report.image is not None:
        return [("what does not load", ("fleet-audit", "ldd", report.subject))]
    return []


def _rows(report: InspectReport) -> Iterator[Row]:
    run = report.run
    unset = "none" if run.is_whole else _UNKNOWN
    yield _command_row("entrypoint", run.entrypoint, unset)
    yield _command_row("command", run.cmd, unset)
    yield _user_row(report)
    yield _setting_row("working folder", run.working_dir, unset="/" if run.is_whole else _UNKNOWN)
    yield from _list_rows("ports", run.ports)
    yield from _list_rows("volumes", run.volumes)
    yield _health_row(report, run.health)
    yield _setting_row("stop signal", run.stop_signal, unset="SIGTERM" if run.is_whole else _UNKNOWN)
    yield from _list_rows("onbuild", run.triggers)


def _command_row(name: str, command: CommandLine | None, unset: str) -> Row:
    if command is None:
        return Piece(name, "bold"), Piece(unset, "dim"), ""
    return Piece(name, "bold"), shell(command.words), _place(command.location)


def _setting_row(name: str, setting: Setting | None, *, unset: str) -> Row:
    if setting is None:
        return Piece(name, "bold"), Piece(unset, "dim"), ""
    note = "" if setting.is_known else "  (a variable has no value)"
    return Piece(name, "bold"), (setting.value, Piece(note, "yellow")), _place(setting.location)


def _list_rows(name: str, settings: Sequence[Setting]) -> Iterator[Row]:
    """Yield one row for the settings of each line."""
    by_place: dict[SourceLocation | None, list[str]] = {}
    for setting in settings:
        by_place.setdefault(setting.location, []).append(setting.value)
    for index, (place, values) in enumerate(by_place.items()):
        yield Piece("" if index else name, "bold"), ", ".join(values), _place(place)


def _user_row(report: InspectReport) -> Row:
    user = report.user
    if user is None:
        return Piece("user", "bold"), Piece(_UNKNOWN, "dim"), ""
    numbers = ":".join(str(number) for number in (user.uid, user.gid) if number >= 0)
    known = [part for part in (user.name, numbers if user.uid >= 0 else "", user.home) if part]
    meaning = f"  {', '.join(part for part in known if part != user.written)}"
    style: Style = "red" if user.uid == 0 else ""
    return Piece("user", "bold"), (Piece(user.written, style), Piece(meaning, "dim")), _place(user.location)


def _health_row(report: InspectReport, check: HealthSetting | None) -> Row:
    if check is None or check.is_none:
        word = "turned off" if check else "no check" if report.run.is_whole else _UNKNOWN
        return Piece("health", "bold"), Piece(word, "dim"), ""
    text: list[str | Piece] = [check.test[-1] if check.test[0] == "CMD-SHELL" else shell(check.test[1:])]
    asked = report.health
    facts = []
    if asked is not None and (asked.port or asked.path):
        facts.append(f"asks {asked.path or 'the socket'}{f' on port {asked.port}' if asked.port else ''}")
    facts += [f"every {check.interval}"] if check.interval else []
    facts += [f"for at most {check.timeout}"] if check.timeout else []
    facts += [f"{check.retries} times"] if check.retries else []
    text += [BREAK, Piece(", ".join(facts), "dim")] if facts else []
    return Piece("health", "bold"), text, _place(check.location)


def _place(location: SourceLocation | None) -> Line:
    return Piece(str(location), "cyan") if location is not None else ""


def _write_variables(page: Page, title: str, variables: Sequence[Variable], masked: Sequence[str]) -> None:
    if not variables:
        return
    page.blank()
    page.line(Piece(title, "bold"))
    hidden = frozenset(masked)
    shown = variables[:MAX_ROWS]
    page.table(("", "", ""), [_variable_row(each, is_masked=each.name in hidden) for each in shown])
    _write_rest(page, len(variables) - len(shown))


def _write_rest(page: Page, left: int) -> None:
    if left > 0:
        page.line(Piece(f"and {left} more (-o json lists them)", "dim"), indent=1)


def _variable_row(variable: Variable, *, is_masked: bool) -> Row:
    value = Piece(variable.value, "yellow" if is_masked or not variable.is_known else "")
    return variable.name, value, _place(variable.location)


def _write_services(page: Page, services: Sequence[DetectedService]) -> None:
    if not services:
        return
    page.blank()
    page.line(Piece("Services", "bold"))
    page.table(("", "", "", ""), [_service_row(service) for service in services])


def _service_row(service: DetectedService) -> tuple[Line, Line, Line, Line]:
    signs = [f"{sign.kind} {sign.name}{f' ({sign.where})' if sign.where else ''}" for sign in service.signs]
    word = Piece(_WORDS[service.confidence], _SURE[service.confidence])
    return word, service.kind, service.name, Piece(", ".join(signs), "dim")


def _write_layers(page: Page, layers: Sequence[LayerSize]) -> None:
    if not layers:
        return
    page.blank()
    total = size(sum(layer.stored_bytes for layer in layers))
    page.line(
        Piece("Layers", "bold"), Piece(f"  {count(len(layers), 'layer')}, {total} as they are stored", "dim")
    )
    rows = [_layer_row(layer) for layer in layers[:MAX_ROWS]]
    page.table((">stored", ">unpacked", ">seen", ">files", "made by"), rows)
    _write_rest(page, len(layers) - len(rows))


def _layer_row(layer: LayerSize) -> tuple[Line, Line, Line, Line, Line]:
    unpacked = size(layer.unpacked_bytes) if layer.unpacked_bytes >= 0 else ""
    seen = size(layer.seen_bytes) if layer.seen_bytes >= 0 else ""
    files = str(layer.seen_files) if layer.seen_files >= 0 else ""
    return size(layer.stored_bytes), unpacked, seen, files, layer.created_by or short_digest(layer.diff_id)
