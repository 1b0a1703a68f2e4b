from __future__ import annotations

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.project.config import Config
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.tag_schemes import SCHEMES, Line, Scheme, line_of


def scheme(name: str, model: str | None = "resnet") -> Scheme:
    return scheme_of(Config(scheme=name, model=model))


@pytest.mark.parametrize(
    ("name", "line", "tag", "version"),
    [
        ("minor", Line.MODEL, "v0.0", (0, 0)),
        ("minor", Line.MODEL, "v0.10", (0, 10)),
        ("minor", Line.MODEL, "v12.345", (12, 345)),
        ("minor", Line.DATA, "data-v1.2", (1, 2)),
        ("minor", Line.DATA, "v1.2", None),
        ("minor", Line.MODEL, "data-v1.2", None),
        ("minor", Line.MODEL, "v1", None),
        ("minor", Line.MODEL, "v1.2.3", None),
        ("minor", Line.MODEL, "v01.0", None),
        ("minor", Line.MODEL, "v1.00", None),
        ("minor", Line.MODEL, "v1.0\n", None),
        ("minor", Line.MODEL, "v1.٣", None),
        ("minor", Line.MODEL, "v-1.0", None),
        ("minor", Line.MODEL, "v1." + "9" * 5000, None),
        ("semver", Line.MODEL, "v1.2.3", (1, 2, 3)),
        ("semver", Line.DATA, "data-v1.2.3", (1, 2, 3)),
        ("semver", Line.MODEL, "v1.2", None),
        ("semver", Line.MODEL, "v1.2.3-rc.1", None),
        ("gto", Line.MODEL, "resnet@v1.2.3", (1, 2, 3)),
        ("gto", Line.DATA, "data@v1.2.3", (1, 2, 3)),
        ("gto", Line.MODEL, "other@v1.2.3", None),
        ("gto", Line.MODEL, "v1.2.3", None),
    ],
)
def test_parse(name: str, line: Line, tag: str, version: tuple[int, ...] | None) -> None:
    assert scheme(name).parse(line, tag) == version
    if version is not None:
        assert scheme(name).format(line, version) == tag
        assert line_of(scheme(name), tag) is line


@pytest.mark.parametrize(
    ("name", "tag", "line"),
    [
        ("minor", "v1", Line.MODEL),
        ("minor", "v1.2.3", Line.MODEL),
        ("minor", "v01.0", Line.MODEL),
        ("minor", "v1.0-rc1", Line.MODEL),
        ("minor", "data-v2", Line.DATA),
        ("minor", "release-2024", None),
        ("minor", "vendor", None),
        ("minor", "v", None),
        ("minor", "data", None),
        ("minor", "data-vNext", None),
        ("minor", "archive/v1", None),
        ("semver", "v1.2", Line.MODEL),
        ("semver", "v1.2.3.4", Line.MODEL),
        ("semver", "v1.2.3-rc.1", None),
        ("semver", "v1.2.3+build.5", None),
        ("gto", "resnet@v1.2", Line.MODEL),
        ("gto", "resnet@v1.2.3!", None),
        ("gto", "resnet#prod#1", None),
        ("gto", "resnet@deprecated", None),
        ("gto", "v1.2", None),
    ],
)
def test_what_is_ours_and_what_is_foreign(name: str, tag: str, line: Line | None) -> None:
    assert line_of(scheme(name), tag) is line


@pytest.mark.parametrize(
    ("name", "first", "last", "following"),
    [
        ("minor", "v0.0", (0, 9), "v0.10"),
        ("semver", "v0.1.0", (1, 2, 9), "v1.2.10"),
        ("gto", "resnet@v0.0.1", (1, 0, 0), "resnet@v1.0.1"),
    ],
)
def test_first_and_next(name: str, first: str, last: tuple[int, ...], following: str) -> None:
    found = scheme(name)
    assert found.format(Line.MODEL, found.first()) == first
    assert found.format(Line.MODEL, found.next(last)) == following


def test_the_gto_scheme_without_a_model_name_numbers_model() -> None:
    assert scheme("gto", None).prefix(Line.MODEL) == "model@v"


@pytest.mark.parametrize(
    ("model", "why"), [("data", "data@v… is the data's own line"), ("my model", "letters, digits, - and _ only")]
)
def test_a_model_that_gto_cannot_name(model: str, why: str) -> None:
    with pytest.raises(CPVError) as error:
        scheme("gto", model)
    assert str(error.value) == (
        f".cpv.toml: the gto scheme cannot name a model {model!r} ({why}); fix: set another [cpv] model in .cpv.toml"
    )


def test_an_unknown_scheme() -> None:
    with pytest.raises(CPVError) as error:
        scheme("colour")
    assert str(error.value) == (
        f".cpv.toml: unknown tag scheme 'colour' (known: {', '.join(SCHEMES)}); "
        'fix: set scheme = "minor" under [tags] in .cpv.toml'
    )


def test_metrics_and_extras_count_as_model() -> None:
    kinds = ("model", "data", "metrics", "extra")
    assert [Line.of(kind) for kind in kinds] == [Line.MODEL, Line.DATA, Line.MODEL, Line.MODEL]  # type: ignore[arg-type]
