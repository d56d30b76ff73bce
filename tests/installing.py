"""Installing a package without a network: what `pip install -e .` leaves behind, as far as the hub looks at it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def install(package: Path, site: Path) -> None:
    """Make the module and the entry points that a package's pyproject.toml declares known in a folder of packages."""
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["hub"]
    for module in points.values():
        (site / module).symlink_to(package.resolve() / module)
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(about, encoding="utf-8")
    lines = [f"{name} = {module}\n" for name, module in points.items()]
    (info / "entry_points.txt").write_text("[hub]\n" + "".join(lines), encoding="utf-8")


def with_packages(site: Path, **more: str) -> dict[str, str]:
    """Give the environment of a process that finds the packages in the folder, and none of this machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PREFECT_"))}
    return {**kept, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1", **more}
