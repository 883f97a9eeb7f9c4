"""A virtual environment of its own, with this one's packages to read: what is installed there is nowhere else."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

LETTERS = Path(__file__).parents[2] / "examples" / "acme-letters"


@dataclass(frozen=True)
class Fresh:
    """A virtual environment that has nothing but what it is given, and the dependencies of this one to read."""

    folder: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        return str(self.folder / scripts / "python")

    @property
    def command(self) -> list[str]:
        """The `finery` command there."""
        return [self.python, "-c", "from finery.cli.main import main; main()"]

    def finery(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """What the `finery` command says there."""
        return said([*self.command, *arguments], cwd)

    def pip(self, *arguments: str) -> None:
        """Run pip on it, without network."""
        done = said([sys.executable, "-m", "pip", "--python", self.python, *arguments])
        assert done.returncode == 0, done.stderr


def new_fresh(folder: Path) -> Fresh:
    """Such an environment; dependencies are read from this environment's packages."""
    made = Fresh(folder)
    venv.create(made.folder, with_pip=False, symlinks=sys.platform != "win32")
    purelib = said([made.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).stdout.strip()
    # addsitedir, because this environment's own .pth files (an editable Finery has one) must count there too.
    lines = [f"import site; site.addsitedir({packages!r})" for packages in site.getsitepackages()]
    (Path(purelib) / "dependencies.pth").write_text("\n".join(lines) + "\n")
    return made


def letters_wheel(folder: Path) -> Path:
    """The example distribution as a wheel, built from a copy so that the checkout stays clean."""
    ignored = shutil.ignore_patterns("dist", "__pycache__", ".pytest_cache")
    shutil.copytree(LETTERS, folder / "source", ignore=ignored)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = said([*build, str(folder / "source")])
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def said(command: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What a command wrote."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
