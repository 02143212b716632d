"""What a model refuses, and what cannot be read, is one typed line that names the file."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from scarena.base.errors import CardError, ConfigError
from scarena.base.validated import faults, read_own_yaml, validated


class Inner(BaseModel):
    size: int


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    inner: Inner = Inner(size=1)

    @model_validator(mode="after")
    def _not_both(self) -> "Given":
        if self.name == "one" and self.inner.size != 1:
            raise ValueError("one is of size 1")
        return self


def test_what_fits_becomes_a_model():
    assert validated(Given, {"name": "a", "inner": {"size": 2}}, ConfigError, where="f", fix="x").inner.size == 2


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"inner": {"size": "?"}, "more": 1}, "name: Field required; inner.size: Input should be a valid integer"),
        ({"name": "one", "inner": {"size": 2}}, "file: Value error, one is of size 1"),
        (None, "file: Input should be a valid dictionary or instance of Given"),
    ],
)
def test_every_key_that_is_refused_is_named_with_its_reason(found, said):
    with pytest.raises(CardError) as told:
        validated(Given, found, CardError, where="there", fix="do this")
    assert str(told.value).startswith(f"card error: there: {said}")
    assert str(told.value).endswith("; do this")


def test_only_the_first_faults_where_so_asked():
    with pytest.raises(ValidationError) as told:
        Given.model_validate({"inner": {}, "more": 1})
    assert faults(told.value, 1) == "name: Field required"
    assert len(faults(told.value).split("; ")) == 3


def test_a_file_of_ones_own_may_use_aliases(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("one: &x [1, 2]\ntwo: *x\n")
    assert read_own_yaml(tmp_path / "a.yaml", ConfigError, fix="x") == {"one": [1, 2], "two": [1, 2]}


@pytest.mark.parametrize("content", [None, b"a: [1", b"a: \xff", b"a: !!python/object:os.x 1"])
def test_a_file_that_cannot_be_read_is_one_line(content, tmp_path: Path):
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.yaml: cannot be read \(.+\); give one$") as told:
        read_own_yaml(path, ConfigError, what="cannot be read ({})", fix="give one")
    assert "\n" not in str(told.value)
