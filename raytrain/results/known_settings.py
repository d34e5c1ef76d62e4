"""A description in; refused where its settings are not this raytrain's. Apart: to read one needs no schema."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from raytrain.config.baseline import Baseline
from raytrain.config.explain import explain
from raytrain.config.source import Place, Source
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.results.description import Description


def require_valid(description: Description, folder: Path) -> None:
    """Refuse to go on with settings that this raytrain does not know; to read them it need not know them all."""
    schemas: dict[str, type[BaseModel]] = {"baseline": Baseline}
    if description.space is not None:
        schemas["space"] = SearchSpace
    for name, schema in schemas.items():
        settings = getattr(description, name)
        try:
            schema.model_validate(settings)
        except ValidationError as error:
            source = Source(settings, Place((0, 0), str(folder / description.file_name)))
            raise InputError(
                f"{explain(error, source, schema)[0]}; written by another raytrain? Go on with it there, or begin anew"
            ) from None
