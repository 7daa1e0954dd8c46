"""Execute the Dockerfile's install steps in a clean directory, without Docker, and try what comes out.

Usage: python deploy/image_check.py [target ...]        (targets: api, pipelines, backup; default: api)

The context is a copy of the project in which secrets are planted, and of it what .dockerignore lets through. Each stage
becomes a directory: `FROM` an image is a fresh venv in its `usr/local`, `FROM` a stage a copy of that stage, absolute paths
of the image are paths under the directory. COPY and RUN are carried out; what makes users and owners is not, and is listed.
All of it is done as a user without rights: root becomes `nobody`. Then every file is searched for what was planted, the
image's own interpreter is asked what it can import, and the API's command is started and watched by the image's own
HEALTHCHECK. Not seen here: the base image, its Python, users, and the layers' size.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

CONTEXT = Path(__file__).resolve().parent.parent
NEEDS_ROOT = re.compile(r"\b(apt-get|groupadd|useradd|chown|install -d -o)\b")
NOBODY = 65534
CANARY = "planted-where-no-image-may-have-it"
PLANTED = (".env", "secrets/tushare_token", "data/postgres/1", ".git/config", "api/__pycache__/planted.pyc", "key.pem")
"""Where secrets lie in a project that is in use."""
HEAVY = (".venv", ".git", "data", "dist", "secrets", ".env", "__pycache__", ".*_cache", ".hypothesis")
"""What is not copied to be left out: it is planted, or long."""
KEPT = re.compile(r"^(PIP_|UV_|SSL_|HTTPS?_PROXY$|ALL_PROXY$|NO_PROXY$)", re.IGNORECASE)

EXPECTED = {
    "api": (["api.app"], ["alembic", "dagster", "dagster_postgres", "openai", "pandas", "pytest", "tushare"]),
    "pipelines": (["stock_assistant_pipelines.definitions", "dagster_postgres", "openai", "psycopg2"], ["pytest"]),
    "backup": (["stock_assistant_pipelines.backup.service", "pyrage"], ["pytest"]),
}
"""Per target: what must be importable, and what must not even be installed."""


@dataclass
class Stage:
    """One `FROM` and its instructions, in order, as (instruction, rest of the line)."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """Return the rest of the last such instruction."""
        return [rest for name, rest in self.steps if name == instruction][-1]


def parse(text: str) -> dict[str, Stage]:
    """Read a Dockerfile into its stages by name. Comments and continuation lines are resolved, ARG is not."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stages: dict[str, Stage] = {}
    current = None
    for line in filter(None, map(str.strip, joined.splitlines())):
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            base, _, name = rest.split()
            current = stages[name] = Stage(name, base)
        elif current is not None:
            current.steps.append((instruction, rest))
    return stages


def sent(work: Path) -> Path:
    """Make the context as Docker is sent it: of a project with planted secrets, what .dockerignore lets through."""
    project, context = work / "project", work / "context"
    shutil.copytree(CONTEXT, project, symlinks=True, ignore=shutil.ignore_patterns(*HEAVY))
    for name in PLANTED:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(CANARY, encoding="utf-8")
    rules = (project / ".dockerignore").read_text(encoding="utf-8").splitlines()
    first, *rest = [rule for rule in rules if rule and not rule.startswith("#")]
    let_through = [rule[1:] for rule in rest if rule.startswith("!")]
    anywhere = [rule.removeprefix("**/") for rule in rest if rule.startswith("**/")]
    if first != "*" or len(let_through) + len(anywhere) != len(rest):
        raise SystemExit(".dockerignore has a rule that is not understood here")
    context.mkdir()
    for name in let_through:
        if (project / name).is_dir():
            shutil.copytree(project / name, context / name, ignore=shutil.ignore_patterns(*anywhere))
        else:
            shutil.copy(project / name, context / name)
    return context


def check_secrets(work: Path, stages: list[str]) -> None:
    """Search every file of these stages for what was planted, in wheels too."""
    roots = [str(work / name) for name in stages if (work / name).exists()]
    found = subprocess.run(["grep", "-rlF", CANARY, *roots], capture_output=True, text=True, check=False).stdout.split()
    for wheel in [path for root in roots for path in Path(root).rglob("*.whl")]:
        with zipfile.ZipFile(wheel) as archive:
            found += [f"{wheel}: {name}" for name in archive.namelist() if CANARY.encode() in archive.read(name)]
    if found:
        raise SystemExit(f"secrets are in the image: {found}")


class Builder:
    """Builds stages of one Dockerfile as directories under `work`, from a context."""

    def __init__(self, stages: dict[str, Stage], work: Path, context: Path) -> None:
        self.stages = stages
        self.work = work
        self.context = context
        self.skipped: list[str] = []

    def build(self, name: str) -> Path:
        """Carry out the stage and those it needs; return its root directory."""
        root = self.work / name
        if root.exists():
            return root
        stage = self.stages[name]
        if stage.base in self.stages:
            shutil.copytree(self.build(stage.base), root, symlinks=True)
        else:
            subprocess.run([sys.executable, "-m", "venv", root / "usr/local"], check=True)
        directory = root / self._workdir(stage).lstrip("/")
        directory.mkdir(parents=True, exist_ok=True)
        for instruction, rest in stage.steps:
            if instruction == "COPY":
                self._copy(rest, root, directory)
            elif instruction == "RUN":
                self._run(rest, root, directory)
        return root

    def environment(self, root: Path) -> dict[str, str]:
        """Return the environment of a command in the stage: nothing of this machine's but the network's settings."""
        path = os.pathsep.join([f"{root}/opt/venv/bin", f"{root}/usr/local/bin", "/usr/bin", "/bin"])
        return {name: value for name, value in os.environ.items() if KEPT.match(name)} | {
            "PATH": path,
            "HOME": str(root / "tmp"),
        }

    def _workdir(self, stage: Stage) -> str:
        own = [rest for instruction, rest in stage.steps if instruction == "WORKDIR"]
        if own:
            return own[-1]
        return self._workdir(self.stages[stage.base]) if stage.base in self.stages else "/"

    def _copy(self, rest: str, root: Path, directory: Path) -> None:
        words = rest.split()
        options = [word for word in words if word.startswith("--")]
        *sources, target = [word for word in words if not word.startswith("--")]
        origin = next(
            (self.build(option.removeprefix("--from=")) for option in options if "from=" in option), self.context
        )
        destination = root / target.lstrip("/") if target.startswith("/") else directory / target
        for source in sources:
            path = origin / source.lstrip("/")
            into = destination / path.name if target.endswith("/") else destination
            if path.is_dir():
                shutil.copytree(path, destination, symlinks=True, dirs_exist_ok=True)
            else:
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, into)

    def _run(self, command: str, root: Path, directory: Path) -> None:
        if NEEDS_ROOT.search(command):
            self.skipped.append(command)
            return
        print(f"  RUN {command}", flush=True)
        inside = re.sub(r"(?<=\s)/(?=\w)", f"{root}/", command)
        result = subprocess.run(
            inside, shell=True, cwd=directory, env=self.environment(root), capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise SystemExit(f"{result.stdout}{result.stderr}\nfailed, exit status {result.returncode}: {command}")


def check_imports(root: Path, environment: dict[str, str], needed: list[str], unwanted: list[str]) -> None:
    """Ask the image's interpreter, isolated from this project's directory."""
    code = (
        "import importlib, importlib.util, sys\n"
        f"for name in {needed!r}: importlib.import_module(name)\n"
        f"found = [name for name in {unwanted!r} if importlib.util.find_spec(name)]\n"
        "sys.exit(f'installed, but must not be: {found}' if found else 0)"
    )
    python = root / "opt/venv/bin/python"
    if subprocess.run([python, "-I", "-c", code], cwd=root, env=environment, check=False).returncode != 0:
        raise SystemExit("the image cannot import what it needs, or holds what it must not")


def check_command(stage: Stage, root: Path, environment: dict[str, str]) -> float:
    """Start the image's CMD and return the seconds until its HEALTHCHECK succeeds; there is no database to be reached."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command, health = (
        json.loads(rest[rest.index("[") :].replace("8000", port))
        for rest in (stage.last("CMD"), stage.last("HEALTHCHECK"))
    )
    environment = environment | {"POSTGRES_SERVER": "127.0.0.1", "POSTGRES_PORT": "1"}
    binaries = root / "opt/venv/bin"
    started = time.monotonic()
    with subprocess.Popen([binaries / command[0], *command[1:]], cwd=root, env=environment) as process:
        try:
            while process.poll() is None and time.monotonic() - started < 30:
                probe = [binaries / health[0], *health[1:]]
                if subprocess.run(probe, env=environment, capture_output=True, check=False).returncode == 0:
                    return time.monotonic() - started
                time.sleep(0.2)
            raise SystemExit(f"{stage.name}: not healthy within 30 seconds")
        finally:
            process.terminate()


def as_nobody(arguments: list[str]) -> None:
    """Start this once more as a user without rights, who gets to this Python though it lie in a directory of root's own."""
    blocked = next((path for path in reversed(Path(sys.base_prefix).parents) if not path.stat().st_mode & 0o001), None)
    opened = []
    if blocked is not None:  # in a mount namespace: for nobody else
        kept = shlex.quote(tempfile.mkdtemp(prefix="image-check-python-"))
        place, at = shlex.quote(sys.base_prefix), shlex.quote(str(blocked))
        opened = [
            f"mount --bind {place} {kept}",
            f"mount -t tmpfs -o mode=755 tmpfs {at}",
            f"mkdir -p {place}",
            f"mount --bind {kept} {place}",
        ]
    user = (
        f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs"
    )
    command = f"cd / && exec {user} {shlex.join([sys.executable, __file__, *arguments])}"
    os.execvp("unshare", ["unshare", "--mount", "sh", "-ec", "\n".join([*opened, command])])


def main(targets: list[str]) -> None:
    """Build and check the targets."""
    stages = parse((CONTEXT / "Dockerfile").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="image-check-") as work:
        builder = Builder(stages, Path(work), sent(Path(work)))
        for target in targets:
            print(f"{target}, as user {os.geteuid()}:", flush=True)
            root = builder.build(target)
            environment = builder.environment(root)
            check_imports(root, environment, *EXPECTED[target])
            print(f"  imports {', '.join(EXPECTED[target][0])}; has none of {', '.join(EXPECTED[target][1])}")
            if target == "api":
                seconds = check_command(stages[target], root, environment)
                print(f"  healthy {seconds:.1f} s after its start, without a database")
        check_secrets(Path(work), list(stages))
        print(f"no file of any stage holds what was planted in {', '.join(PLANTED)}")
        for command in builder.skipped:
            print(f"not run here: {command}")


if __name__ == "__main__":
    if os.geteuid() == 0:
        as_nobody(sys.argv[1:])
    main(sys.argv[1:] or ["api"])
