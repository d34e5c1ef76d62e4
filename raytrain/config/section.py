"""What every part of a configuration is: frozen and strict. And the plain types that several of them take.

A section may hold a further one that may be missing, as `adapter: null`. In its keys `kind` says whether there is one:
`adapter.kind` set to null takes it away, and any other key set below one that is missing brings it, with defaults for
the rest.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from raytrain.config.explain import alternatives

KIND = "kind"
"""The key of a section that may be missing that says whether there is one."""

# Beyond these ends a number is a slip of the finger, and would only fail later and less clearly.
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Text = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A frozen part of a configuration; an unknown key or a wrong type is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with other values by key, dotted below a section in this one; each is known to be valid for its key.

        ValueError where a rule between keys breaks.
        """
        changed = self.model_copy(update=self._own(values, is_valid=True))
        for rule in self.__pydantic_decorators__.model_validators.values():
            rule.func(changed)
        return changed

    def judged_with(self, values: Mapping[str, Any]) -> Self:
        """The same of values that nobody has looked at: ValueError where one is none of its key's."""
        return self.model_validate(dict(self) | self._own(values, is_valid=False))

    def _own(self, values: Mapping[str, Any], *, is_valid: bool) -> dict[str, Any]:
        """Values by this section's own keys, with those below a section in it put together to that section."""
        own: dict[str, Any] = {}
        inside: dict[str, dict[str, Any]] = {}
        for key, value in values.items():
            name, _, below = key.partition(".")
            if below:
                inside.setdefault(name, {})[below] = value
            else:
                own[name] = value
        return own | {name: self._inside(name, below, is_valid=is_valid) for name, below in inside.items()}

    def _inside(self, name: str, values: Mapping[str, Any], *, is_valid: bool) -> "Section | None":
        if KIND in values and values[KIND] is None:
            if len(values) > 1:
                raise ValueError(f"{name}.{KIND} is null, and {', '.join(set(values) - {KIND})} is set")
            return None
        section = getattr(self, name)
        if section is None:
            section = section_type(type(self), name)()
        found: Section = section.with_values(values) if is_valid else section.judged_with(values)
        return found


def section_type(section: type[BaseModel], name: str) -> type[Section]:
    """The type of the section that this key holds; AttributeError where it holds none."""
    kinds = alternatives(section.model_fields[name].annotation)
    found = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)
    if found is None:
        raise AttributeError(f"{name} is a value, not a section")
    return found
