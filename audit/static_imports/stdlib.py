"""Which modules come with Python itself, by version.

From the documentation of each release ("What's New", module indexes) and ``sys.stdlib_module_names``;
modules for other systems than Linux are left out.
"""

from functools import cache


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


ALWAYS_BUILTIN = _words("""
    _abc _ast _codecs _collections _frozen_importlib _frozen_importlib_external _functools _imp _io
    _locale _operator _signal _sre _stat _string _symtable _thread _tokenize _tracemalloc _warnings
    _weakref atexit builtins errno faulthandler gc itertools marshal posix pwd sys time
""")
"""Compiled into every CPython: these win over any file of the same name (BuiltinImporter comes first)."""

LOADED_AT_START = _words("""
    _collections_abc _sitebuiltins abc codecs encodings genericpath io os posixpath site stat zipimport
""")
"""Loaded by Python itself before a program's folder is on the path: no file there is taken for these."""

COMPILED = _words("""
    _abc _ast _asyncio _bisect _blake2 _bz2 _codecs _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp
    _codecs_kr _codecs_tw _collections _contextvars _crypt _csv _ctypes _curses _curses_panel _datetime
    _dbm _decimal _elementtree _frozen_importlib _frozen_importlib_external _functools _gdbm _hashlib
    _heapq _hmac _imp _interpchannels _interpqueues _interpreters _io _json _locale _lsprof _lzma _md5
    _multibytecodec _multiprocessing _opcode _operator _pickle _posixshmem _posixsubprocess _queue
    _random _remote_debugging _sha1 _sha2 _sha256 _sha3 _sha512 _signal _socket _sqlite3 _sre _ssl _stat
    _statistics _string _struct _suggestions _symtable _sysconfig _thread _tokenize _tracemalloc _types
    _typing _uuid _warnings _weakref _xxsubinterpreters _zoneinfo _zstd array atexit audioop binascii
    builtins cmath errno faulthandler fcntl gc grp itertools marshal math mmap nis ossaudiodev parser
    posix pwd pyexpat readline resource select spwd sys syslog termios time unicodedata xxsubtype zlib
""")
"""Modules in C, which a build may compile in instead of shipping files."""

_PYTHON_311 = _words("""
    __future__ _abc _ast _asyncio _bisect _blake2 _bz2 _codecs _codecs_cn _codecs_hk _codecs_iso2022
    _codecs_jp _codecs_kr _codecs_tw _collections _collections_abc _compat_pickle _compression
    _contextvars _crypt _csv _ctypes _curses _curses_panel _datetime _dbm _decimal _elementtree
    _frozen_importlib _frozen_importlib_external _functools _gdbm _hashlib _heapq _imp _io _json _locale
    _lsprof _lzma _markupbase _md5 _multibytecodec _multiprocessing _opcode _operator _pickle
    _posixshmem _posixsubprocess _py_abc _pydecimal _pyio _queue _random _sha1 _sha256 _sha3 _sha512
    _signal _sitebuiltins _socket _sqlite3 _sre _ssl _stat _statistics _string _strptime _struct
    _symtable _thread _threading_local _tkinter _tokenize _tracemalloc _typing _uuid _warnings _weakref
    _weakrefset _zoneinfo abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit
    audioop base64 bdb binascii bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code
    codecs codeop collections colorsys compileall concurrent configparser contextlib contextvars copy
    copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email
    encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib
    functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http
    idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 linecache
    locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder multiprocessing netrc
    nis nntplib ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib pdb pickle
    pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd
    py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource
    rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site smtpd smtplib
    sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics
    string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib
    tempfile termios textwrap this threading time timeit tkinter token tokenize tomllib trace traceback
    tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings
    wave weakref webbrowser wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo
""")

# Version in which modules came (on top of 3.11), and the first version that no longer has them.
_ADDED = {
    12: "_sha2 _xxinterpchannels _pydatetime _pylong",
    13: "_android_support _apple_support _colorize _interpchannels _interpqueues _interpreters _ios_support"
    " _opcode_metadata _pyrepl _suggestions _sysconfig",
    14: "_hmac _remote_debugging _types _zstd annotationlib compression pathlib _py_warnings _ast_unparse",
}
_REMOVED = {
    12: "asynchat asyncore distutils imp smtpd _sha256 _sha512",
    13: "_crypt aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap nis nntplib ossaudiodev pipes"
    " sndhdr spwd sunau telnetlib uu xdrlib",
}
_OLDER = {8: "_dummy_thread dummy_threading", 9: "formatter macpath parser symbol", 10: "binhex"}
"""The last version that had modules which 3.11 has not."""

_NEWER = {9: "graphlib zoneinfo _zoneinfo", 11: "tomllib _tokenize _typing"}
"""The version that brought modules which 3.11 has."""

ALIASES = {"os.path": "posixpath"}
"""Modules that the standard library puts into ``sys.modules`` under a second name."""


@cache
def modules(minor: int) -> frozenset[str]:
    """Return the top-level modules of Python 3.`minor` on Linux."""
    names = set(_PYTHON_311)
    for version, listed in _ADDED.items():
        names.update(listed.split() if minor >= version else ())
    for version, listed in _REMOVED.items():
        names.difference_update(listed.split() if minor >= version else ())
    for version, listed in _OLDER.items():
        names.update(listed.split() if minor <= version else ())
    for version, listed in _NEWER.items():
        names.difference_update(listed.split() if minor < version else ())
    return frozenset(names)
