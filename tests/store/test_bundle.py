"""A model comes back as it was saved, or with one line that says why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch

from genvae.errors import CheckpointError, GenvaeError, PluginError
from genvae.host import Host, default_host
from genvae.progress import Silent
from genvae.service import Model, Service
from genvae.store.bundle import Bundle, load, save
from genvae.store.folders import MANIFEST, fault, seal
from genvae.store.locate import locate
from genvae.store.weights import tensors
from genvae.training.run import train
from tests.conftest import TINY, own_lines
from tests.host.strangers import OWN, writer
from tests.host.test_parts import WAVY

HOST = default_host()
FILES = {"README.md", "config.json", MANIFEST, "model.safetensors", "tokenizer.json"}


@pytest.fixture
def copy(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model, to be damaged."""
    folder = tmp_path / "copy"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("run"))
    return folder


def means(bundle: Bundle) -> torch.Tensor:
    modality = bundle.modality
    batch = modality.collate([modality.example(line) for line in own_lines(20)], range(20))
    with torch.no_grad():
        latents = bundle.vae.infer(batch).latents
    return torch.cat([value.flatten(1) for value in latents.values()], 1)


# -- round trips ---------------------------------------------------------------------------------


def test_a_model_in_float32_comes_back_exactly(tiny_model: Path, tmp_path: Path) -> None:
    first = load(tiny_model, HOST)
    save(first, tmp_path / "again")
    again = load(tmp_path / "again", HOST)
    before, after = tensors(first.vae), tensors(again.vae)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(means(first), means(again))
    assert again.recipe.to_config() == first.recipe.to_config()
    assert (again.name, again.about) == (first.name, first.about)
    assert {path.name for path in (tmp_path / "again").iterdir()} == FILES


def test_a_model_in_float16_comes_back_nearly_and_smaller(tiny_model: Path, tmp_path: Path) -> None:
    first = load(tiny_model, HOST)
    save(first, tmp_path / "half", dtype="float16")
    half = load(tmp_path / "half", HOST)
    for name, value in tensors(first.vae).items():
        got = tensors(half.vae)[name]
        assert got.dtype == value.dtype  # read in the model's own precision
        assert torch.equal(got, value.half().to(value.dtype))
    assert torch.allclose(means(first), means(half), atol=0.02)
    assert not torch.equal(means(first), means(half))
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path / "half", tiny_model)]
    assert sizes[0] < 0.6 * sizes[1]
    assert json.loads((tmp_path / "half" / "config.json").read_text())["dtype"] == "float16"


def test_a_model_in_int8_comes_back_within_a_step_of_each_row_s_largest(tiny_model: Path, tmp_path: Path) -> None:
    first = load(tiny_model, HOST)
    save(first, tmp_path / "whole", dtype="int8")
    whole = load(tmp_path / "whole", HOST)
    for name, value in tensors(first.vae).items():
        got = tensors(whole.vae)[name]
        assert got.dtype == value.dtype
        if value.ndim > 1:
            assert ((got - value).abs() <= value.abs().amax(-1, keepdim=True) / 250 + 1e-12).all(), name
            assert not torch.equal(got, value)
        else:
            assert torch.equal(got, value.half().to(value.dtype))
    assert torch.allclose(means(first), means(whole), atol=0.1)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (tmp_path / "whole", tiny_model)]
    assert sizes[0] < 0.5 * sizes[1]
    save(whole, tmp_path / "again", dtype="int8")  # what is whole numbers already stays the same
    for name, value in tensors(load(tmp_path / "again", HOST).vae).items():
        assert torch.allclose(value, tensors(whole.vae)[name], atol=1e-2 * float(value.abs().max()))


def test_tied_weights_are_saved_once_and_stay_tied(tmp_path: Path) -> None:
    recipe_settings = [*TINY, "tokenizer=char", "max_steps=2", "evaluate_every=2", "batch_size=8", "tied=true"]
    from genvae.recipe import Recipe

    recipe = Recipe.of("sentence", HOST)
    recipe.set(recipe_settings)
    trained = train(recipe, own_lines(60), tmp_path / "tied", resume=False, reporter=Silent()).bundle
    loaded = load(tmp_path / "tied", HOST)
    shared = [name for name in loaded.vae.state_dict() if name not in tensors(loaded.vae)]
    assert shared, "nothing is tied"
    assert torch.equal(means(trained), means(loaded))
    pointers = {name: value.data_ptr() for name, value in loaded.vae.state_dict().items()}
    assert all(list(pointers.values()).count(pointers[name]) > 1 for name in shared)


def test_saving_over_a_model_replaces_it_and_keeps_what_else_is_there(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine", encoding="utf-8")
    bundle = load(copy, HOST)
    with torch.no_grad():
        for value in tensors(bundle.vae).values():
            value.zero_()
    save(bundle, copy)
    assert (copy / "notes.txt").read_text() == "mine"
    assert all(not value.any() for value in tensors(load(copy, HOST).vae).values())
    assert {path.name for path in copy.iterdir()} == {*FILES, "notes.txt"}


def test_no_file_is_a_pickle(tiny_model: Path) -> None:
    """Of the run's checkpoints, too: safetensors, JSON and text alone."""
    endings = {path.suffix for path in tiny_model.rglob("*") if path.is_file()}
    assert endings <= {".json", ".jsonl", ".safetensors", ".md"}
    for path in tiny_model.rglob("*.safetensors"):
        head = path.read_bytes()
        assert json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])
    for path in tiny_model.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


def test_loading_opens_no_pickle(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    def never(*arguments: Any, **keywords: Any) -> Any:
        raise AssertionError("a pickle was read")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, never)
    monkeypatch.setattr(torch, "load", never)
    load(tiny_model, HOST)


def test_the_card_says_what_it_is(tiny_model: Path) -> None:
    card = (tiny_model / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: genvae\n")
    assert "# tiny" in card and "tags: [vae, sentence]" in card and "| nll |" in card


# -- damage --------------------------------------------------------------------------------------


def flip(path: Path, place: int = -5) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(bytes(content))


def edit(**changes: Any) -> Callable[[Path], None]:
    """Change the config and seal it again, so that only the change is at fault."""

    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}), encoding="utf-8")
        seal(folder)

    return change


def truncated_but_sealed(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
        seal(folder)

    return change


def other_architecture(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["recipe"]["architecture"]["hidden_dim"] += 1
    edit(recipe=config["recipe"])(folder)


def without_weight(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    state.pop(sorted(state)[0])
    save_file(state, folder / "model.safetensors")
    seal(folder)


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a bit of the weights": (lambda f: flip(f / "model.safetensors"), "is damaged: model.safetensors is damaged"),
    "a bit of the weights' head": (lambda f: flip(f / "model.safetensors", 3), "model.safetensors is damaged"),
    "a bit of the tokenizer": (lambda f: flip(f / "tokenizer.json", 60), "tokenizer.json is damaged"),
    "a bit of the card": (lambda f: flip(f / "README.md"), "README.md is damaged"),
    "half of the weights": (truncated_but_sealed("model.safetensors"), "damaged weights"),
    "half of the tokenizer": (truncated_but_sealed("tokenizer.json"), "damaged tokenizer"),
    "half of the config": (truncated_but_sealed("config.json"), "config.json is damaged"),
    "half of the manifest": (lambda f: (f / MANIFEST).write_text('{"sha256": {'), "manifest.json is damaged"),
    "another manifest": (lambda f: (f / MANIFEST).write_text("[1]"), "manifest.json is damaged"),
    "no manifest": (lambda f: (f / MANIFEST).unlink(), "manifest.json is missing"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    "no tokenizer": (lambda f: ((f / "tokenizer.json").unlink(), seal(f)), "has no tokenizer.json"),
    "no weights, sealed": (lambda f: ((f / "model.safetensors").unlink(), seal(f)), "model.safetensors is missing"),
    "no config": (lambda f: (f / "config.json").unlink(), "holds no genvae model"),
    "a newer format": (edit(format=2), "written by a newer genvae; upgrade"),
    "no format": (edit(format="one"), "does not say its format"),
    "another library": (edit(library="transformers"), "a model of another library"),
    "no recipe": (edit(recipe=None), "a model of another library"),
    "plugins that are no list": (edit(plugins=[{"nam": 3}]), "config.json is damaged"),
    "another architecture": (other_architecture, "its weights are of another model"),
    "a weight too few": (without_weight, r"its weights are of another model \(first difference: "),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_is_one_line(copy: Path, damage: str) -> None:
    spoil, said = DAMAGE[damage]
    spoil(copy)
    with pytest.raises(CheckpointError, match=said) as caught:
        load(copy, HOST)
    assert "\n" not in str(caught.value) and str(copy) in str(caught.value)


def test_a_foreign_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no genvae model \(it has no config.json\)"):
        load(tmp_path, HOST)
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    with pytest.raises(CheckpointError, match="holds a model of another library, not of genvae"):
        load(tmp_path, HOST)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="another library"):
        load(tmp_path, HOST)


def test_a_setting_that_is_no_longer_known(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["recipe"]["architecture"]["attention"] = True
    edit(recipe=config["recipe"])(copy)
    with pytest.raises(CheckpointError, match="does not fit the plugins installed here: unknown setting 'attention'"):
        load(copy, HOST)


# -- plugins that are missing --------------------------------------------------------------------


def test_a_model_whose_plugin_is_switched_off(tiny_model: Path) -> None:
    with pytest.raises(PluginError, match=r"needs the plugin 'sentence', which is not in use .it is disabled"):
        load(tiny_model, Host(OWN, without=["sentence"]))


def test_a_model_whose_plugin_is_not_installed(tiny_model: Path) -> None:
    with pytest.raises(PluginError, match=r"needs the plugin 'sentence', .*pip install genvae"):
        load(tiny_model, Host(OWN[:1]))


def test_a_model_whose_plugin_is_broken(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = writer(tmp_path, monkeypatch)("sentence", "raise RuntimeError('no licence')")
    with pytest.raises(PluginError, match=r"'sentence', which is not in use .it is broken: .*no licence"):
        load(tiny_model, Host([OWN[0], point]))


def test_a_strangers_part_deep_in_the_recipe_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genvae.recipe import Recipe

    point: EntryPoint = writer(tmp_path, monkeypatch)("waves", WAVY)
    recipe = Recipe.of("sentence", Host([point, *OWN]))
    recipe.set([*TINY, "tokenizer=char", "max_steps=2", "evaluate_every=2", "beta={schedule: wavy}"])
    train(recipe, own_lines(40), tmp_path / "wavy", resume=False, reporter=Silent())
    assert load(tmp_path / "wavy", Host([point, *OWN])).modality_id == "sentence"
    with pytest.raises(PluginError, match="needs the plugin 'waves', which is not in use"):
        load(tmp_path / "wavy", Host(OWN))


# -- where a model is ----------------------------------------------------------------------------


def test_names_folders_and_what_is_neither(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(tiny_model, HOST) == tiny_model
    monkeypatch.setenv("HOME", str(tiny_model.parent))
    assert locate("~/tiny", HOST) == tiny_model
    with pytest.raises(CheckpointError, match=r"no model 'sentences-eng': .* did you mean 'sentences-en'"):
        locate("sentences-eng", HOST)
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="is a file; a model is a folder"):
        locate(tmp_path / "file", HOST)
    with pytest.raises(CheckpointError, match="there is no model"):
        locate("./missing/folder", HOST)


def test_a_hub_that_cannot_be_reached_is_one_line() -> None:
    with pytest.raises(CheckpointError, match="'nobody/nothing' is neither a starter, nor a folder") as caught:
        locate("nobody/nothing", HOST)
    assert "\n" not in str(caught.value)


def test_a_model_is_read_again_when_its_folder_changes(copy: Path) -> None:
    model = Model(str(copy), Service(HOST))
    before = model.encode(own_lines(2))["z"]
    bundle = load(copy, HOST)
    with torch.no_grad():
        for value in tensors(bundle.vae).values():
            value.mul_(0.5)
    save(bundle, copy)
    after = model.encode(own_lines(2))["z"]
    assert (before != after).any()


# -- writing -------------------------------------------------------------------------------------


def test_what_cannot_be_written_leaves_no_trace(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(GenvaeError, match="cannot write"):
        save(load(tiny_model, HOST), tmp_path / "file" / "model")
    with pytest.raises(GenvaeError, match="cannot write"):
        save(load(tiny_model, HOST), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_modality_that_cannot_be_saved_leaves_the_old_model(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load(copy, HOST)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    def fail(folder: Path) -> None:
        (folder / "tokenizer.json").write_text("{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle.modality, "save", fail)
    with pytest.raises(CheckpointError, match=r"cannot write .*: No space left on device"):
        save(bundle, copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert fault(copy) == ""
