"""What `dockerfiles` costs on a large repository: `python -m benchmarks.dockerfiles [--rounds N]`.

Makes a repository of 20,000 files with 500 services, each with a Dockerfile of two stages and a build
context of its own, half of them named by compose files and half by workflows, and a manifest of all. Prints
the wall seconds and CPU seconds of the whole command, and those of hadolint on the same Dockerfiles in the
same run; both are started anew for each round. Exits with 1 where the command takes longer than promised.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fleet_audit.audit.tools.hadolint import find_hadolint

SERVICES = 500
FILES = 20_000
PROMISED_SECONDS = 2.0

DOCKERFILE = """\
# syntax=docker/dockerfile:1.7
ARG FAMILY=registry.example/acme/family-{family}:20261114-3f9c2ab
FROM ${{FAMILY}} AS build
USER root
RUN apt-get update \\
    # what the wheels are built with
    && apt-get install -y --no-install-recommends \\
        build-essential=12.9 \\
        curl=7.88.1-10+deb12u15 \\
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt pyproject.toml /src/
RUN --mount=type=cache,target=/root/.cache/pip \\
    pip install --require-hashes --no-cache-dir --target /opt/app --requirement /src/requirements.txt

FROM ${{FAMILY}} AS runtime
ARG REVISION=unknown
ENV SVC_PORT={port} PYTHONPATH=/app
WORKDIR /app
COPY --from=build /opt/app /usr/local/lib/python3.11/dist-packages
COPY --chown=10001:10001 app/ app/
COPY --chown=10001:10001 config/*.yaml config/
EXPOSE {port}
LABEL org.opencontainers.image.revision=$REVISION
HEALTHCHECK --interval=30s --timeout=3s CMD ["curl", "-fsS", "http://127.0.0.1:{port}/health"]
USER 10001:10001
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["python3", "-m", "app.main"]
"""

FAMILY = """\
FROM debian:bookworm-20261103-slim@sha256:{digest}
RUN apt-get update \\
    && apt-get install -y --no-install-recommends ca-certificates=20250419~deb12u2 tini=0.19.0-1+b3 \\
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
"""

WORKFLOW = """\
name: build {name}
on: {{push: {{branches: [main]}}}}
jobs:
  image:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683
      - uses: docker/build-push-action@48aba3b46d1b1fec4febb7c5d0c644b249a11355
        with:
          context: services/{name}
          target: runtime
          tags: registry.example/acme/{name}:20261114-3f9c2ab
"""


class Cost(NamedTuple):
    """Wall and CPU seconds of a command with all its processes."""

    wall: float
    cpu: float


def make_repository(root: Path) -> list[str]:
    """Write the repository; return the paths of its Dockerfiles."""
    families = ["vision", "torch", "web", "data"]
    for family in families:
        _write(root / f"docker/family-{family}/Dockerfile", FAMILY.format(digest="0123456789abcdef" * 4))
    dockerfiles = [f"docker/family-{family}/Dockerfile" for family in families]
    compose: dict[str, object] = {}
    services = []
    filler = (FILES - len(families) - SERVICES * 7) // SERVICES
    for number in range(SERVICES):
        name, family, port = f"svc{number:03}", families[number % len(families)], 10_000 + number
        folder = root / "services" / name
        _write(folder / "Dockerfile", DOCKERFILE.format(family=family, port=port))
        _write(folder / ".dockerignore", "**/__pycache__\n*.md\n!README.md\ndata/**\n")
        _write(folder / "app/main.py", "import json\n")
        for other in ("requirements.txt", "pyproject.toml", "config/base.yaml"):
            _write(folder / other, "# nothing\n")
        for at in range(filler):
            _write(folder / f"data/part{at % 4}/record{at}.txt", "x\n")
        dockerfiles.append(f"services/{name}/Dockerfile")
        if number % 2:
            _write(root / f".github/workflows/{name}.yml", WORKFLOW.format(name=name))
        else:
            compose[name] = {
                "build": {"context": f"services/{name}", "target": "runtime"},
                "image": f"registry.example/acme/{name}:20261114-3f9c2ab",
            }
        services.append(_service(name, family, port))
    _write(root / "compose.yaml", json.dumps({"services": compose}, indent=1))
    _write(root / "fleet.yaml", json.dumps(_manifest(families, services), indent=1))
    have = sum(len(files) for _, _, files in os.walk(root))
    for at in range(FILES - have):
        _write(root / f"docs/notes/part{at % 20}/note{at}.md", "x\n")
    return dockerfiles


def _service(name: str, family: str, port: int) -> dict[str, object]:
    folder = f"services/{name}"
    return {
        "name": name,
        "family": f"family-{family}",
        "ports": {"svc": port},
        "entry": "module:app.main",
        "source_paths": [f"{folder}/app"],
        "pythonpath": [folder],
        "dockerfiles": [f"{folder}/Dockerfile"],
        "context": folder,
        "target": "runtime",
    }


def _manifest(families: Sequence[str], services: Sequence[object]) -> dict[str, object]:
    return {
        "version": 1,
        "fleet": "large",
        "registry": {"prefix": "registry.example/acme", "tag_pattern": r"^\d{8}-[0-9a-f]{7,40}$"},
        "defaults": {"user": "10001:10001", "init": "tini", "health_path": "/health"},
        "families": {
            f"family-{family}": {
                "upstream": "debian:bookworm-20261103-slim",
                "dockerfiles": [f"docker/family-{family}/Dockerfile"],
            }
            for family in families
        },
        "services": services,
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def cost(argv: Sequence[str], root: Path, codes: Sequence[int]) -> Cost:
    """Run a command in the repository; end the benchmark where it ends with another code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(argv, cwd=root, capture_output=True, check=False)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        sys.exit(f"{argv[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> int:
    """Make the repository, run both, print the least of each figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    root = Path(tempfile.mkdtemp(prefix="fleet-audit-benchmark-"))
    try:
        dockerfiles = make_repository(root)
        files = sum(len(names) for _, _, names in os.walk(root))
        print(
            f"{len(dockerfiles)} Dockerfiles in a repository of {files} files; the least of {rounds} rounds"
        )
        cache = ["--cache-dir", str(root.with_suffix(".cache"))]
        ours = [sys.executable, "-m", "fleet_audit", "dockerfiles", "-o", f"json={os.devnull}", *cache]
        hadolint = find_hadolint(os.environ)
        runs: dict[str, list[Cost]] = {"fleet-audit dockerfiles": [], "hadolint": []}
        for _ in range(rounds):
            runs["fleet-audit dockerfiles"].append(cost(ours, root, (0, 1)))
            if hadolint is not None:
                runs["hadolint"].append(cost([str(hadolint), "--no-fail", *dockerfiles], root, (0,)))
    finally:
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(root.with_suffix(".cache"), ignore_errors=True)
    for name, each in runs.items():
        if each:
            print(f"{name:25} {min(c.wall for c in each):6.2f} s wall  {min(c.cpu for c in each):6.2f} s CPU")
        else:
            print(f"{name:25} is not installed")
    return int(min(run.wall for run in runs["fleet-audit dockerfiles"]) > PROMISED_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
