"""What a service is told from outside: environment variables that begin with ANKEN_."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.topics import PREFIX


class Settings(BaseSettings):
    """One service's settings; `ANKEN_DATABASE_URL` serves all, `ANKEN_<SERVICE>_DATABASE_URL` overrides it."""

    model_config = SettingsConfigDict(env_prefix="ANKEN_", frozen=True, extra="ignore")

    service: str = ""
    database_url: SecretStr = SecretStr("")
    keyring_url: SecretStr | None = None
    key_file: Path | None = None
    kafka_bootstrap: str = ""
    topic_prefix: str = PREFIX
    jwks_file: Path | None = None
    issuer: str = "urn:anken:issuer:development"
    audience: str = "anken"
    development: bool = Field(default=False, description="allows the development issuer's settable business clock")
    clock_file: Path | None = Field(default=None, description="with the development issuer: where all processes find the business clock")
    vault: Path | None = Field(default=None, description="the anonymizer's protected place")
    member: str | None = Field(default=None, description="the replica's own stable name: back within seconds, no rebalance")
    relay: Literal["thread", "process"] = Field(default="thread", description="where it runs; `process` is `anken relay`")
    host: str = "127.0.0.1"
    port: int = 8000
    log_level: str = "INFO"

    @property
    def role(self) -> str:
        """The database role this service works under."""
        return f"anken_{self.service}"

    @property
    def keyring(self) -> str:
        """Where the data keys live: a database of its own if one is named."""
        return (self.keyring_url or self.database_url).get_secret_value()


def settings_for(service: str, **given: object) -> Settings:
    """Read the settings of one service; keyword arguments win over the environment."""
    own = os.environ.get(f"ANKEN_{service.upper()}_DATABASE_URL")
    if own and "database_url" not in given:
        given["database_url"] = SecretStr(own)
    return Settings(service=service, **given)  # type: ignore[arg-type]  # pydantic checks the values
