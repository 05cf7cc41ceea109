"""The door of Python: what the command line gives, as lists of strings."""

from __future__ import annotations

import inspect
import threading
from pathlib import Path

import numpy as np
import pytest

import genvae
from genvae.errors import CheckpointError, DataError, GenvaeError, PluginError, SettingError
from genvae.service import Model, Service
from tests.conftest import TINY, own_lines


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return genvae.load(tiny_model)


def test_text_in_and_out(model: Model) -> None:
    lines = own_lines(4)
    items = model.generate(5, seed=1)
    assert len(items) == 5 and all(isinstance(item, str) for item in items)
    assert items == model.generate(n=5, seed=1) == model.generate(40, seed=1)[:5]
    assert len(model.reconstruct(lines)) == 4
    assert model.reconstruct(lines[0]) == model.reconstruct(lines)[:1]  # one item alone is a list of one
    latents = model.encode(lines)
    assert isinstance(latents["z"], np.ndarray) and latents["z"].shape == (4, 4)
    assert model.decode(latents) == model.reconstruct(lines)
    assert model.decode({"z": latents["z"].tolist()}) == model.reconstruct(lines)
    assert len(model.interpolate(lines[0], lines[1], 6)) == 6
    assert len(model.mix(lines[:2], weights={"z": [0.3, 0.7]})) == 1
    assert len(model.vary(lines[0], 3, distance=0.2)) == 3
    figures = model.evaluate(lines, samples=3, generated=20)
    assert figures["nll_samples"] == 3 and figures["latent_dim"] == 4


def test_an_item_does_not_depend_on_those_beside_it(model: Model) -> None:
    lines = own_lines(9)
    together = model.reconstruct(lines, max_length=40)
    assert [model.reconstruct(line, max_length=40)[0] for line in lines] == together
    assert model.reconstruct(lines[::-1], max_length=40) == together[::-1]


def test_a_model_says_what_it_can_do(model: Model) -> None:
    assert {"generate", "reconstruct", "interpolate", "mix", "evaluate", "encode", "decode"} <= set(dir(model))
    assert not {"train", "models"} & set(dir(model))
    signature = inspect.signature(model.generate)
    assert list(signature.parameters)[:2] == ["n", "seed"]
    assert signature.parameters["n"].default == 5
    assert signature.parameters["temperature"].kind is inspect.Parameter.KEYWORD_ONLY
    assert model.generate.__doc__ == "Draw items from the prior."
    with pytest.raises(AttributeError, match="no operation 'genrate'; did you mean 'generate'"):
        model.genrate(3)


WRONG = [
    (lambda m: m.generate(0), SettingError, "n = 0 must be at least 1"),
    (lambda m: m.generate(10**6), SettingError, "n = 1000000 must be at most 10000"),
    (lambda m: m.generate("5"), SettingError, "n = '5' must be a whole number"),
    (lambda m: m.generate(True), SettingError, "must be a whole number"),
    (lambda m: m.generate(5, temprature=1.0), SettingError, "unknown setting 'temprature' .*'temperature'"),
    (lambda m: m.generate(5, top_p=2.0), SettingError, "top_p = 2.0 must be at most 1.0"),
    (lambda m: m.generate(1, 2, 3, 4, 5, 6, 7, 8), SettingError, "takes at most 7 positional arguments: n, seed"),
    (lambda m: m.encode("x", temperature=1.0), SettingError, "unknown setting 'temperature' of encode"),
    (lambda m: m.reconstruct("x" * 201), DataError, "has 201 characters; this model reads at most 200"),
    (lambda m: m.reconstruct([3]), DataError, "a sentence is text, not int"),
    (lambda m: m.reconstruct(["fine", None]), DataError, "a sentence is text, not NoneType"),
    (lambda m: m.reconstruct(["x"] * 10_001), SettingError, "has 10,001 entries or characters; at most 10,000"),
    (lambda m: m.reconstruct("half \ud83e of an owl"), SettingError, "not UTF-8 text"),
    (lambda m: m.mix(["x"] * 65), SettingError, "has 65 entries"),
    (lambda m: m.decode({"z": [[float("nan")] * 4]}), SettingError, "not finite"),
    (lambda m: m.evaluate([]), DataError, "the list of items is empty"),
    (lambda m: m.evaluate("missing.txt"), DataError, "no such file: missing.txt"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_request_is_one_line(model: Model, number: int) -> None:
    call, error, said = WRONG[number]
    with pytest.raises(error, match=said) as caught:
        call(model)
    assert isinstance(caught.value, GenvaeError) and "\n" not in str(caught.value)


def test_no_model_and_no_operation(tiny_model: Path) -> None:
    with pytest.raises(CheckpointError, match="did you mean 'sentences-en'"):
        genvae.load("sentence-en")
    with pytest.raises(PluginError, match="no operation 'genrate'; did you mean 'generate'"):
        Service().run("genrate", model=str(tiny_model))


LINES = own_lines(2)
REQUESTS = {
    "generate": {"n": 4, "seed": 7, "temperature": 0.8, "top_p": 0.9},
    "reconstruct": {"items": tuple(LINES), "beam": 2},
    "interpolate": {"a": LINES[0], "b": LINES[1], "steps": 4, "path": "linear"},
    "vary": {"item": LINES[0], "n": 3, "distance": 0.25, "seed": 2},
    "mix": {"items": LINES, "weights": {"z": [0.25, 0.75]}},
    "decode": {"latents": {"z": [[0.5, -0.25, 0.0, 1.0]]}},
}


@pytest.mark.parametrize("operation", REQUESTS)
def test_the_python_line_gives_the_same(tiny_model: Path, operation: str) -> None:
    service = Service()
    values = {"model": str(tiny_model), **REQUESTS[operation]}
    line = service.python(operation, **values)
    assert line.startswith(f"genvae.load({str(tiny_model)!r}).{operation}(")
    scope: dict[str, object] = {}
    exec(f"import genvae\nanswer = {line}", scope)
    assert scope["answer"] == service.run(operation, **values).items


def test_the_python_line_leaves_out_defaults() -> None:
    service = Service()
    line = service.python("generate", model="m", n=5, seed=0, prior_scale=1.0, temperature=None, top_p=1.0)
    assert line == "genvae.load('m').generate(5)"
    line = service.python("train", target="sentence", data="a.txt", output="out", set=("tokenizer=char",))
    assert line.startswith("genvae.train('sentence'") and "output='out'" in line and "resume" not in line


def test_the_python_line_of_what_is_of_no_model() -> None:
    line = Service().python("models")
    scope: dict[str, object] = {}
    exec(f"import genvae\nanswer = {line}", scope)
    assert "sentences-en" in [entry["name"] for entry in scope["answer"].items]  # type: ignore[attr-defined]


def test_threads_get_what_one_alone_gets(tiny_model: Path) -> None:
    service = Service()
    alone = {
        seed: service.run("generate", model=str(tiny_model), n=3, max_length=60, seed=seed).items for seed in range(6)
    }
    found: dict[int, list[str]] = {}

    def ask(seed: int) -> None:
        found[seed] = service.run("generate", model=str(tiny_model), n=3, max_length=60, seed=seed).items

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone


def test_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = [*TINY, "tokenizer=char", "max_steps=3", "evaluate_every=3", "batch_size=8"]
    answer = genvae.train("sentence", data=own_lines(60), output=tmp_path / "model", set=quick)
    assert answer["output"] == str(tmp_path / "model") and answer["steps"] == 3 and answer["latent_dim"] == 4
    said = capsys.readouterr()
    assert said.out == "" and "step 3: ELBO" in said.err
    assert len(genvae.load(tmp_path / "model").generate(2)) == 2
    with pytest.raises(CheckpointError, match="already holds a run"):
        genvae.train("sentence", data=own_lines(60), output=tmp_path / "model", set=quick)
