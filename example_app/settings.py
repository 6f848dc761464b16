"""Where everything is. The three services are processes of their own and read the same small file."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "EXAMPLE_APP_SETTINGS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Ports, folder and the secret of one demonstration client, new at each start."""

    folder: Path
    payments_port: int
    plaintext_port: int
    issuer_port: int
    partner_port: int
    client_secret: str
    partner_pins: tuple[str, ...]

    @property
    def payments(self) -> str:
        """The base URL of the service."""
        return f"https://localhost:{self.payments_port}"

    @property
    def issuer(self) -> str:
        """The issuer identifier, which is also its base URL."""
        return f"https://localhost:{self.issuer_port}"

    @property
    def partner(self) -> str:
        """The base URL of the partner."""
        return f"https://localhost:{self.partner_port}"

    def file(self, name: str) -> Path:
        """Return the path of a key or certificate."""
        return self.folder / name

    def save(self, path: Path) -> None:
        """Write the file the services read; nobody else may."""
        path.touch(mode=0o600)
        path.write_text(json.dumps({**asdict(self), "folder": str(self.folder)}), encoding="utf-8")

    @classmethod
    def load(cls) -> "Settings":
        """Read the file that the environment names."""
        known = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
        return cls(**{**known, "folder": Path(known["folder"]), "partner_pins": tuple(known["partner_pins"])})
