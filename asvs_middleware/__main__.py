"""`python -m asvs_middleware` is the command `asvs`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="asvs")
