"""`python -m asvs_middleware` is the command `asvs`."""

from asvs_middleware.cli import main

if __name__ == "__main__":
    main(prog_name="asvs")
