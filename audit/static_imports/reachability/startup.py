"""What every Python process of an image imports before the program's own first line."""

from fleet_audit.audit.images.tree import basename
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.reachability.expander import Expander
from fleet_audit.audit.static_imports.reachability.reach import Reach, Start, reach
from fleet_audit.audit.static_imports.reachability.ways import KnownWays
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place, Side
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter

_HOW = "starts Python, which runs"


def startup(service: str, interpreter: Interpreter, expander: Expander, known: KnownWays) -> Reach:
    """Return what the code of ``.pth`` files, ``sitecustomize`` and ``usercustomize`` import (Lib/site.py).

    `expander` is that of the image alone: the program's folder is not on the path yet. A failure of any of
    these is printed and survived. What they import inside functions only is not followed: hooks that wait for
    an import that most programs never make (``distutils``) would else lead every service to setuptools.
    """
    starts = [_start(_pth_module(file), is_script=True) for file in interpreter.startup]
    customs = ["sitecustomize"] if interpreter.has_site else []
    customs += ["usercustomize"] if interpreter.has_user_site else []
    starts += [
        _start(found, is_script=False) for name in customs if (found := expander.find(name)) is not None
    ]
    return reach(service, starts, expander, deepest=Level.PROBABLE, known=known)


def _start(module: Module, *, is_script: bool) -> Start:
    return Start(module, is_script=is_script, how=_HOW, is_guarded=True)


def _pth_module(file: ImagePath) -> Module:
    # A script is in no package, whatever its name.
    return Module(ModuleName(basename(file)), ModuleKind.SOURCE, Place(Side.IMAGE, file))
