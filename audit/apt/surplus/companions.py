"""Packages that are used by path or by configuration wherever something else is that does not name them."""

import re
from collections.abc import Collection, Iterable

import msgspec

from fleet_audit.audit.model.identity import PackageName


class Companion(msgspec.Struct, frozen=True):
    """Packages whose names match `packages` serve where a library begins as one of `libraries` does.

    So they do where one of the Python `modules` is imported, or, with `settings`, where the environment sets
    one of these variables to something else than the C library's own locales.
    """

    packages: str
    why: str
    libraries: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


_BUILT_IN_LOCALES = frozenset({"", "C", "POSIX", "C.UTF-8", "C.utf8"})

_COMPANIONS = (
    Companion(
        "ca-certificates(?:-.+)?",
        "TLS connections trust the certificates in it (update-ca-certificates(8))",
        libraries=("libssl.so", "libgnutls.so", "libnss3.so", "libmbedtls.so", "libcurl"),
        modules=("ssl", "certifi", "truststore"),
    ),
    Companion(
        "tzdata(?:-.+)?",
        "local times are read from it (tzset(3), Python's zoneinfo)",
        libraries=("libc.so",),
    ),
    Companion(
        "netbase",
        "names of protocols and services are read from it (services(5), protocols(5))",
        modules=("socket",),
    ),
    Companion("media-types|mime-support", "Python's mimetypes reads it", modules=("mimetypes",)),
    Companion(
        "locales|locales-all|libc-l10n|language-pack-.+",
        "the environment sets a locale that it brings (setlocale(3))",
        settings=("LANG", "LC_ALL", "LC_CTYPE", "LANGUAGE"),
    ),
    Companion(
        "fonts-.+|xfonts-.+|ttf-.+|fontconfig(?:-config)?|gsfonts.*",
        "fonts are found through fontconfig (fonts-conf(5))",
        libraries=("libfontconfig.so", "libpango-1", "libcairo.so", "libQt5Gui", "libQt6Gui", "libgs.so"),
        modules=("matplotlib.font_manager", "PIL.ImageFont", "reportlab"),
    ),
    Companion(
        "libgl1-mesa-dri|libglx-mesa0|mesa-libgallium",
        "the OpenGL loader opens drivers by the display's name (libglvnd)",
        libraries=("libGL.so", "libGLX.so", "libOpenGL.so"),
    ),
    Companion(
        "libegl-mesa0|libgl1-mesa-dri|mesa-libgallium",
        "the EGL loader opens drivers by its configuration (libglvnd)",
        libraries=("libEGL.so",),
    ),
    Companion("mesa-vulkan-drivers", "the Vulkan loader opens drivers", libraries=("libvulkan.so",)),
    Companion(
        "(?:mesa|intel|i965|nvidia)-va-driver.*|va-driver-.+|mesa-vdpau-drivers|vdpau-driver-.+",
        "video decoding opens drivers (VA-API, VDPAU)",
        libraries=("libva.so", "libvdpau.so"),
    ),
    Companion(
        "gstreamer1\\.0-.+", "GStreamer loads plugins from its registry", libraries=("libgstreamer-1.0",)
    ),
    Companion(
        "libasound2-(?:data|plugins)|pulseaudio.*|pipewire.*",
        "ALSA, and PortAudio through it, open plugins by their configuration",
        libraries=("libasound.so", "libpulse", "libportaudio.so", "libpipewire"),
    ),
    Companion(
        "gir1\\.2-.+",
        "GObject introspection loads what code asks for by namespace",
        libraries=("libgirepository-",),
        modules=("gi",),
    ),
    Companion("ocl-icd.*|.+-opencl-icd", "the OpenCL loader opens drivers", libraries=("libOpenCL.so",)),
    Companion("xkb-data|x11-xkb-.+", "keyboards are read from it", libraries=("libxkb",)),
    Companion("tesseract-ocr-.+", "Tesseract reads trained data by language", libraries=("libtesseract.so",)),
    Companion("poppler-data|cmap-.+", "PDF text is decoded with it", libraries=("libpoppler", "libgs.so")),
    Companion(
        "hunspell-.+|aspell-.+|myspell-.+|hyphen-.+|mythes-.+",
        "spelling libraries read dictionaries by language",
        libraries=("libhunspell", "libaspell", "libenchant", "libhyphen"),
    ),
    Companion(
        "libsasl2-modules.*|libkrb5-.+|krb5-.+",
        "SASL and Kerberos load mechanisms by their configuration",
        libraries=("libsasl2", "libgssapi", "libkrb5"),
        modules=("ldap", "gssapi", "kerberos"),
    ),
    Companion(
        "glib-networking.*|gsettings-.*|dconf-.*|gvfs.*|shared-mime-info",
        "GIO loads modules and types from their folders",
        libraries=("libgio-2.0",),
    ),
    Companion(
        "librsvg2-common|gdk-pixbuf.*|libgdk-pixbuf.*",
        "GdkPixbuf loads readers of formats",
        libraries=("libgdk_pixbuf",),
    ),
    Companion(
        "libmagic-mgc|libmagickcore-.+-extra|libmagickwand-.+|ghostscript",
        "ImageMagick and libmagic open it by path",
        libraries=("libmagic.so", "libMagickCore", "libMagickWand"),
    ),
    Companion(
        "odbc-.+|odbcinst.*|tdsodbc|unixodbc.*|msodbcsql.*|libsqliteodbc",
        "ODBC opens drivers by their configuration (odbcinst.ini)",
        libraries=("libodbc.so", "libodbcinst.so"),
        modules=("pyodbc",),
    ),
    Companion("proj-data|proj-bin", "PROJ reads its data by path", libraries=("libproj.so",)),
    Companion("gdal-data|gdal-bin", "GDAL reads its data by path", libraries=("libgdal.so",)),
)
"""What the manual or source named in each row says; package names are those of Debian and Ubuntu."""


class Surroundings(msgspec.Struct, frozen=True):
    """What runs in an image: file names of loaded libraries, imported modules, and its environment."""

    libraries: Collection[str] = ()
    modules: Collection[str] = ()
    environment: dict[str, str] = {}


def companions(names: Iterable[PackageName], around: Surroundings) -> dict[PackageName, str]:
    """Return those of `names` that serve what runs in an image, and how."""
    active = [row for row in _COMPANIONS if _is_active(row, around)]
    found: dict[PackageName, str] = {}
    for name in names:
        row = next((row for row in active if re.fullmatch(row.packages, name)), None)
        if row is not None:
            found[name] = row.why
    return found


def _is_active(row: Companion, around: Surroundings) -> bool:
    return (
        any(library.startswith(row.libraries) for library in around.libraries)
        or any(module in around.modules for module in row.modules)
        or any(around.environment.get(name, "") not in _BUILT_IN_LOCALES for name in row.settings)
    )
