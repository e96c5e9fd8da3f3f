"""The file that `anken demo --spec` reads: register entry, proposal and processing specification of one case."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from anken.errors import Failed


class Section(BaseModel):
    """A part of the file: unknown members are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Register(Section):
    """The register entry, as intake takes it, and the unit that receives proposals."""

    body: str
    of_assembly: bool
    principal_count: int
    proposal_unit: dict[str, str]
    fields: dict[str, JsonValue]


class Wish(Section):
    """The proposal: how many people, which recorded item at which granularity, what for."""

    principal_count: int
    wanted: dict[str, str] = Field(min_length=1)
    purpose: str
    business: str
    period_reason: str
    safeguards: str
    delivery_method: str


class CaseFile(Section):
    """All of it. The specification is handed on as it stands: the anonymizer judges it."""

    register_entry: Register = Field(alias="register")
    proposal: Wish
    specification: dict[str, Any]

    @property
    def quasi_names(self) -> list[str]:
        """The names, in the written extract, of the columns that make a class."""
        wanted = set(self.specification["risk"]["quasi"])
        return [one["name"] for one in self.specification["output"]["columns"] if one["column"] in wanted]

    @property
    def k(self) -> int:
        """The least number of people who must look alike."""
        return int(self.specification["risk"]["k"])


def read_case_file(path: Path) -> CaseFile:
    """Read and check the file; raises Failed naming the field and the rule."""
    try:
        return CaseFile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"--spec: {path} cannot be read: {error} (rule text, field spec)") from None
    except yaml.YAMLError as error:
        raise Failed(f"--spec: {path} is not YAML: {' '.join(str(error).split())} (rule yaml, field spec)") from None
    except RecursionError:
        raise Failed(f"--spec: {path} holds lists in lists in lists (rule yaml, field spec)") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "spec"
        raise Failed(f"--spec: {first['msg']} (rule {first['type']}, field {field})") from None
    except ValueError as error:  # YAML's own reading of a date such as 2026-13-01
        raise Failed(f"--spec: {path} holds a value that cannot be read: {error} (rule yaml, field spec)") from None
