"""Ages of whatever form and the bucket that each goes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytrain.config.constants import AGE_BUCKETS
from raytrain.speech.ages import bucket_of


@pytest.mark.parametrize(
    ("age", "bucket"),
    [
        (3, "3-4"), ("4", "3-4"), (4.99, "3-4"), ("5 years", "5-7"), ("7 yrs old", "5-7"), ("8y", "8-11"),
        ("11,5", "8-11"), (12, "12+"), (35, "12+"), ("12+", "12+"), ("14 and over", "12+"), ("5-7", "5-7"),
        (2, "unknown"), (0, "unknown"), (None, "unknown"), ("", "unknown"), ("NaN", "unknown"), ("unknown", "unknown"),
        ("teens", "12+"), ("Twenties", "12+"), ("fourties", "12+"), ("nineties", "12+"), ("adult", "12+"),
        ("6-8", "5-7"), ("4 to 5", "3-4"), ("10-19", "12+"), ("54 months", "3-4"), ("60m", "5-7"), ("4;06", "3-4"),
        ("5;02.14", "5-7"),
    ],
)  # fmt: skip
def test_an_age_goes_to_its_bucket(age: object, bucket: str) -> None:
    assert bucket_of(age) == bucket


@pytest.mark.parametrize(("months", "bucket"), [(36, "3-4"), (59, "3-4"), ("60", "5-7"), (144, "12+"), (30, "unknown")])
def test_months_are_counted_as_twelfths_of_years(months: object, bucket: str) -> None:
    assert bucket_of(months, in_months=True) == bucket


@pytest.mark.parametrize("what", ["grade 3", "child", "9-5", "1e3", "3 4", True and "yes"])
def test_what_is_no_age_is_none(what: object) -> None:
    assert bucket_of(what) is None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
def test_anything_is_a_bucket_or_no_age(age: object) -> None:
    assert bucket_of(age) in (*AGE_BUCKETS, None)


@given(st.integers(min_value=0, max_value=120))
def test_more_years_are_no_younger_bucket(years: int) -> None:
    order = ("unknown", "3-4", "5-7", "8-11", "12+")
    assert order.index(bucket_of(years) or "") <= order.index(bucket_of(min(years + 1, 120)) or "")
