"""``v8snap`` and ``python -m v8snap``."""

import io
import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from v8snap.cli import main as run
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.exit(f"v8snap's command line needs {error.name}: pip install 'v8snap[cli]'")
    except KeyboardInterrupt:
        sys.exit(130)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # names of files and scripts may be of any script
    run(prog_name="v8snap")


if __name__ == "__main__":
    main()
