"""What every part of a configuration is: frozen and strict. And the plain types that several of them take."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

# Beyond these ends a number is a slip of the finger, and would only fail later and less clearly.
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Text = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A frozen part of a configuration; an unknown key or a wrong type is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with other values, each known to be valid for its key; a rule between keys that breaks is raised."""
        changed = self.model_copy(update=values)
        for rule in self.__pydantic_decorators__.model_validators.values():
            rule.func(changed)
        return changed
