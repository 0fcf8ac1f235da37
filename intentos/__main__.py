"""``python -m intentos`` and the command ``intentos``."""

import time

CALLED_AT = time.time()


def main() -> None:
    """Run the command line."""
    # The clock is read before anything that takes time is imported.
    from intentos import cli

    cli.main(CALLED_AT)


if __name__ == "__main__":
    main()
