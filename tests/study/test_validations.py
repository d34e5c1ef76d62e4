"""What proposing costs: settings are validated as they are read, and not again for every sample that is looked at."""

from pathlib import Path

import pytest
from histories import TINY

from raytrain.config.reader import load_space
from raytrain.config.section import Section
from raytrain.memory.admission import Admission
from raytrain.memory.footprint import Footprint
from raytrain.results.description import Description
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import manifest_path
from raytrain.study.proposals import Proposals
from raytrain.study.spending import Spending
from raytrain.study.study import Study
from raytrain.trial.inputs import Inputs, SplitRecipe, Whereabouts
from raytrain.trial.job import Share, Trial

SHARE = Share(use_gpu=True, gpu_fraction=1.0, cpus=1, threads=1)


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sections that are validated from now on, one entry each time."""
    counted: list[str] = []
    validate = Section.model_validate.__func__

    def counting(cls: type[Section], *arguments: object, **options: object) -> Section:
        counted.append(cls.__name__)
        return validate(cls, *arguments, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(Section, "model_validate", classmethod(counting))
    return counted


def test_eight_proposals_cost_fewer_than_60_validations(tmp_path: Path, validated: list[str]) -> None:
    space = load_space("full", baseline=TINY)
    where = Whereabouts(
        corpora={"demo": prepare(manifest_path("demo")).folder},
        validation_corpora={},
        split=SplitRecipe(ratio=0.1, seed=0, stratify=True),
    )
    description = Description(baseline_name="tiny", baseline=TINY, space_name="full", space=space)
    study = Study(folder=tmp_path, description=description, inputs=Inputs.opened(where))
    proposals = Proposals(study, Spending(study))
    admission = Admission(Footprint(study.inputs.corpora), card_gib=8.0, limit_gib=None)
    validated.clear()
    proposed = [proposals.next(SHARE, admission) for _ in range(8)]
    assert all(isinstance(trial, Trial) for trial in proposed)
    assert len(validated) < 60
