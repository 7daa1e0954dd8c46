"""The project installs from whatever registry its user has configured: no file names one."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]

# In two parts, so that this file does not name one either.
HOSTS = [
    ".".join(parts).encode()
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("npmmirror", "com"),
        ("tuna.tsinghua.edu", "cn"),
        ("mirrors.aliyun", "com"),
        ("deb.debian", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
    ]
]


def test_no_file_of_the_project_names_a_registry() -> None:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    files = [path for name in names if name and (path := ROOT / name).is_file()]
    assert ROOT / "pyproject.toml" in files
    named = [(str(path.relative_to(ROOT)), host) for path in files for host in HOSTS if host in path.read_bytes()]
    assert named == []
