"""Configuration models say everything that is wrong, where, and what would be right."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, field_validator

from simlab.core.config import (
    Integer,
    Number,
    Section,
    Seed,
    complete_params,
    nearest,
    parse_config,
    user_path,
)
from simlab.core.errors import ConfigError


class Lens(Section):
    radius: Number = Field(1.0, gt=0)
    count: Integer = 3
    einstein_min: Number = Field(0.5, alias="einstein-min")


class Dataset(Section):
    seed: Seed = 0
    lens: Lens = Lens()
    lenses: list[Lens] = []


class Ranged(Section):
    range: tuple[Number, Number]


class Kinded(Section):
    kind: str = "tile"
    params: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    gap: Number | Literal["auto"] = 0.0
    dose: Ranged | None = None
    mode: Literal["spiral", "raster"] = "spiral"

    @field_validator("params")
    @classmethod
    def _params(cls, value):
        return complete_params(Needy, value)


class Needy(Section):
    image: str


class Domain(Section):
    datasets: dict[str, Dataset]


def refused(mapping, where="campaign.yaml"):
    with pytest.raises(ConfigError) as caught:
        parse_config(Domain, {"datasets": {"a": mapping}}, where)
    return str(caught.value)


@pytest.mark.parametrize(("text", "value"), [("64", 64), ("1e6", 1_000_000), (64.0, 64)])
def test_whole_numbers_may_come_as_text(text, value):
    assert parse_config(Lens, {"count": text}).count == value


def test_floats_may_come_as_text():
    assert parse_config(Lens, {"radius": "1.0e9"}).radius == 1e9


@pytest.mark.parametrize("value", [True, "1.5", "many", 1.5, None, float("nan")])
def test_what_is_no_whole_number_is_refused(value):
    assert "datasets.a.lens.count" in refused({"lens": {"count": value}})


@pytest.mark.parametrize("value", [float("inf"), float("nan"), True, "wide", 0])
def test_what_is_no_usable_float_is_refused(value):
    assert "datasets.a.lens.radius" in refused({"lens": {"radius": value}})


def test_all_problems_are_named_at_once_with_file_path_and_value():
    message = refused({"seed": -1, "lens": {"radius": -2, "cuont": 4}})
    assert message.startswith("campaign.yaml: 3 problems")
    assert "datasets.a.seed" in message
    assert "(found -1)" in message
    assert "datasets.a.lens.radius: Input should be greater than 0 (found -2)" in message
    assert "datasets.a.lens.cuont: unknown key, did you mean count?" in message


def test_the_alias_is_what_messages_show():
    assert "did you mean einstein-min? (known: radius, count, einstein-min)" in refused(
        {"lens": {"einstein-mn": 1}}
    )


def test_both_spellings_of_an_aliased_key_work():
    assert parse_config(Lens, {"einstein_min": 2}).einstein_min == 2
    assert parse_config(Lens, {"einstein-min": 2}).einstein_min == 2


def test_a_misspelt_value_is_named_with_the_nearest_allowed_one():
    line = problems_of({"params": {"image": "a.png"}, "mode": "spirl"})[1]
    assert (
        line == "  mode: Input should be 'spiral' or 'raster', did you mean spiral? (found 'spirl')"
    )


def test_problems_in_lists_carry_their_index():
    assert "datasets.a.lenses.1.radius" in refused({"lenses": [{}, {"radius": 0}]})


def test_params_checked_by_another_model_keep_their_place():
    with pytest.raises(ValueError, match=r"unknown key, did you mean radius\? \(known: radius"):
        complete_params(Lens, {"radus": 3})


def test_values_cannot_change_after_the_check():
    with pytest.raises(ValueError, match="frozen"):
        parse_config(Lens, {}).radius = 2.0


def test_nearest_names_nothing_when_nothing_is_near():
    assert nearest("xyz", ["radius"]) == ""


def test_shipped_resources_are_found_from_any_directory(tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    shipped = "resources/ptycho/siemens_star_n64.npz"
    assert user_path(shipped) == root / shipped
    own = tmp_path / shipped
    own.parent.mkdir(parents=True)
    own.touch()
    assert user_path(shipped).resolve() == own
    assert not user_path("data/none.npz").is_absolute()


def problems_of(mapping):
    with pytest.raises(ConfigError) as caught:
        parse_config(Kinded, mapping, "x.yaml")
    return str(caught.value).splitlines()


def test_a_missing_parameter_of_a_kind_is_named_under_params():
    assert problems_of({"kind": "tile"}) == [
        "x.yaml: 1 problem",
        "  params.image: missing, it has no default",
    ]


def test_a_missing_list_item_is_named_by_its_place():
    lines = problems_of({"params": {"image": "a.png"}, "dose": {"range": [3]}})
    assert lines[1] == "  dose.range.1: missing, it has no default"


def test_what_the_members_of_a_union_say_of_one_value_is_one_problem():
    first, line = problems_of({"params": {"image": "a.png"}, "gap": "foo"})
    assert first == "x.yaml: 1 problem"
    assert line.startswith("  gap: Input should be a valid number")
    assert " or: Input should be 'auto' (found 'foo')" in line or "'auto'" in line


class Cat(Section):
    kind: Literal["cat"] = "cat"
    lives: Integer = 9


class Dog(Section):
    kind: Literal["dog"] = "dog"
    tricks: Integer = 0


class Household(Section):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


@pytest.mark.parametrize(
    ("pet", "expected"),
    [
        ({}, "pet.kind: missing, it has no default"),
        ({"kind": "catt"}, "pet.kind: expected cat or dog, did you mean cat? (found 'catt')"),
        (
            {"kind": "cat", "live": 7},
            "pet.live: unknown key, did you mean lives? (known: kind, lives)",
        ),
        ({"kind": "dog", "tricks": "no"}, "pet.tricks: "),
    ],
)
def test_the_kind_of_a_section_says_which_keys_it_has(pet, expected):
    with pytest.raises(ConfigError) as error:
        parse_config(Household, {"pet": pet})
    assert expected in str(error.value)
