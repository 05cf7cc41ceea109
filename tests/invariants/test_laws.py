"""The laws of the design that can be read off the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import genvae

ENGINE = Path(genvae.__file__).parent
ROOT = ENGINE.parent

#: what is asked, and of what: without a floor of their own
PLAIN = {"recipe", "operations", "asking", "mixing", "context"}

#: what each floor of the house may stand on, itself apart; every module may use ALWAYS
FLOORS = {
    "core": set[str](),
    "host": set[str](),
    "data": {"core", "host"},
    "store": {"core", "host", "data", *PLAIN},
    "evaluation": {"core", "host", "data", "store", *PLAIN},
    "training": {"core", "host", "data", "store", "evaluation", *PLAIN},
    "latent": {"core", "host", "data", "store", *PLAIN},
    "handlers": {"core", "host", "data", "store", "evaluation", "training", "latent", *PLAIN},
}
ALWAYS = {"errors", "settings", "progress", "device"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file (imports for type checkers alone left out)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(node) for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test) for node in ast.walk(block)
    }  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield node.module or ""


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


def first_party() -> set[str]:
    return {path.parent.name for door in ("plugins", "apps") for path in (ROOT / door).glob("*/__init__.py")}


def test_the_engine_imports_no_plugin_and_no_app() -> None:
    outside = first_party()
    assert "genvae_sentence" in outside
    for path in files(ENGINE):
        wrong = [name for name in imports(path) if name.split(".")[0] in outside]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_no_plugin_imports_another_and_none_an_app() -> None:
    outside = first_party()
    for folder in (ROOT / "plugins").iterdir():
        if (folder / "__init__.py").exists():
            for path in files(folder):
                wrong = [n for n in imports(path) if n.split(".")[0] in outside - {folder.name}]
                assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize("floor", FLOORS)
def test_no_arrow_runs_up(floor: str) -> None:
    for path in files(ENGINE / floor):
        for name in imports(path):
            if name.startswith("genvae."):
                room = name.split(".")[1]
                assert room in FLOORS[floor] | ALWAYS | {floor}, f"{path.relative_to(ROOT)} imports {name}"


def test_the_core_knows_no_modality() -> None:
    words = ("sentence", "image", "glyph", "font", "pixel", "token")
    for path in files(ENGINE / "core"):
        text = path.read_text(encoding="utf-8").lower()
        found = [word for word in words if word in text]
        assert not found, f"{path.relative_to(ROOT)} speaks of {found}"


def test_nothing_is_unpickled() -> None:
    """No code from a checkpoint: weights are safetensors, the rest is JSON."""
    forbidden = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for path in [p for door in ("genvae", "plugins", "apps") for p in files(ROOT / door)]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not forbidden & {name.split(".")[0] for name in imports(path)}, path
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & {"torch.load", "torch.save", "eval", "exec", "yaml.load", "yaml.unsafe_load"}, path


#: who takes numbers from torch's global generator, as dropout does: training seeds it anew for each batch
AS_DROPOUT = {"linear_cross_entropy.py": {"torch.rand"}}


def test_core_draws_from_its_own_streams_alone() -> None:
    """Every random draw is keyed: no torch.rand, no global generator."""
    drawing = {
        "rand", "randn", "randint", "randperm", "multinomial", "bernoulli", "rand_like", "randn_like", "normal_",
        "uniform_", "manual_seed",
    }  # fmt: skip
    for path in files(ENGINE / "core"):
        calls = [
            ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]  # fmt: skip
        allowed = AS_DROPOUT.get(path.name, set())
        wrong = [call for call in calls if call.split(".")[-1] in drawing and call not in allowed]
        assert not wrong, f"{path.relative_to(ROOT)} calls {wrong}"
