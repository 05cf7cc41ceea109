"""Distributions as pip installs them, seen by the real program in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.strangers import HEAD, parts, schedule

#: prints which heavy packages a command loaded, on the last line of standard error
WITNESS = """
import sys
from genvae.cli.main import main
code = main(sys.argv[1:])
print(" ".join(n for n in ("torch", "transformers", "gradio", "datasets") if n in sys.modules), file=sys.stderr)
sys.exit(code)
"""


def install(site: Path, distribution: str, plugins: dict[str, str], *, metadata: bool = True) -> None:
    """Put a distribution into a folder: its modules and its .dist-info, as pip leaves them."""
    info = site / f"{distribution.replace('-', '_')}-2.5.dist-info"
    info.mkdir(parents=True)
    if metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.5\n", encoding="utf-8")
    lines = ["[genvae]"]
    for number, (name, source) in enumerate(plugins.items()):
        module = f"{distribution.replace('-', '_')}_{number}"
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        lines.append(f"{name} = {module}")
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def genvae(site: Path | None, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command; the last line of its standard error is the witness's."""
    path = os.pathsep.join(filter(None, [str(site or ""), os.environ.get("PYTHONPATH", "")]))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GENVAE_")}
    return subprocess.run(
        [sys.executable, "-c", WITNESS, *arguments], capture_output=True, text=True, check=False, timeout=60,
        env={**clean, "PYTHONPATH": path, **environment},
    )  # fmt: skip


def listed(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, object]]:
    assert done.returncode == 0, done.stderr
    return {r["module"]: r for r in json.loads(done.stdout.splitlines()[-1])["plugins"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of stranger in it."""
    folder = tmp_path_factory.mktemp("site")
    install(folder, "good-stranger", {"waves": schedule("wavy")})
    install(folder, "bad-stranger", {
        "exits": "import sys\nprint('hello from a plugin')\nsys.exit(7)",
        "raises": "raise OSError('no licence')",
        "newer": schedule("newer").replace('"1.0"', '"1.99"'),
        "misspelt": schedule("misspelt").replace("def genvae_parts", "def genvae_prats"),
        "twin": schedule("wavy"),
        "lazy": schedule("lazy", "a_package_nobody_has:Thing"),
        "asks": parts('[OperationPart(id="ask", factory="x:y", request="nowhere:Ask", summary="")]'),
    })  # fmt: skip
    install(folder, "impostor", {"engine": schedule("impostor"), "sentence": HEAD + "raise RuntimeError"})
    install(folder, "nameless", {"nameless": schedule("nameless")}, metadata=False)
    return folder


def test_each_stranger_is_listed_with_its_reason(site: Path) -> None:
    done = genvae(site, "plugins", "--json")
    found = listed(done)
    expected = {
        "good_stranger_0": ("waves", "loaded", ""),
        "bad_stranger_0": ("exits", "broken", "importing it raised SystemExit: 7"),
        "bad_stranger_1": ("raises", "broken", "importing it raised OSError: no licence"),
        "bad_stranger_2": ("newer", "incompatible", "it needs plugin interface 1.99, this genvae has 1.0"),
        "bad_stranger_3": ("misspelt", "misspelt", "there is no hook 'genvae_prats'; did you mean 'genvae_parts'?"),
        "bad_stranger_4": ("twin", "loaded", ""),  # "twin" is before "waves", so it holds the id
        "bad_stranger_5": ("lazy", "loaded", ""),
        "impostor_0": ("engine", "duplicate", "another plugin is already called 'engine'"),
        "impostor_1": ("sentence", "duplicate", "another plugin is already called 'sentence'"),
        "nameless_0": ("nameless", "loaded", ""),
    }
    expected["good_stranger_0"] = ("waves", "duplicate", "schedule 'wavy' is already given by plugin 'twin'")
    assert {m: (r["name"], r["status"], r["reason"]) for m, r in found.items() if m in expected} == expected
    assert found["bad_stranger_6"]["status"] == "broken"
    assert "nowhere:Ask" in str(found["bad_stranger_6"]["reason"])
    for module in ("genvae.parts", "genvae_sentence.plugin", "genvae_studio.plugin"):
        assert (found[module]["status"], found[module]["distribution"]) == ("loaded", "genvae")
    assert (found["bad_stranger_0"]["distribution"], found["bad_stranger_0"]["version"]) == ("bad-stranger", "2.5")
    assert found["nameless_0"]["distribution"] in ("", "nameless")
    assert done.stderr.splitlines()[-1] == ""  # nothing heavy was loaded


def test_people_see_the_same(site: Path) -> None:
    done = genvae(site, "plugins")
    assert done.returncode == 0
    assert "raises  broken  bad-stranger 2.5  importing it raised OSError: no licence" in done.stdout
    assert "    schedule wavy: a stranger's" in done.stdout


def test_the_program_works_beside_them(site: Path) -> None:
    done = genvae(site, "--help")
    assert done.returncode == 0
    for command in ("generate", "train", "plugins", "studio"):
        assert command in done.stdout


def test_check_finds_a_factory_that_does_not_import(site: Path) -> None:
    done = genvae(site, "plugins", "check", "lazy")
    assert done.returncode == 2
    fault = done.stdout.splitlines()[-1]
    assert fault.startswith("FAULT  schedule lazy  factory a_package_nobody_has:Thing: ModuleNotFoundError")
    assert done.stderr.splitlines()[0] == "genvae: plugin 'lazy': 1 of 1 parts cannot be had"
    as_json = genvae(site, "plugins", "check", "lazy", "--json")
    said = json.loads(as_json.stdout.splitlines()[-1])
    assert (as_json.returncode, said["status"], said["parts"][0]["id"]) == (2, "broken", "lazy")


def test_switches(site: Path) -> None:
    only = listed(genvae(site, "plugins", "--json", GENVAE_PLUGINS="waves"))
    assert only["good_stranger_0"]["status"] == "loaded"
    assert only["bad_stranger_1"]["status"] == only["genvae_sentence.plugin"]["status"] == "disabled"
    without = listed(genvae(site, "plugins", "--json", GENVAE_WITHOUT_PLUGINS="twin"))
    assert (without["bad_stranger_4"]["status"], without["good_stranger_0"]["status"]) == ("disabled", "loaded")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"GENVAE_STRICT": "1"}, "genvae: plugin 'asks' is broken: "),
        ({"GENVAE_PLUGINS": "wavez"}, "genvae: GENVAE_PLUGINS or GENVAE_WITHOUT_PLUGINS names 'wavez'"),
    ],
)
def test_strict_and_a_misspelt_switch_are_one_line(site: Path, environment: dict[str, str], said: str) -> None:
    done = genvae(site, "plugins", **environment)
    assert done.returncode == 2
    line, witness = done.stderr.splitlines()
    assert line.startswith(said) and witness == ""


# -- start-up ------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plugins"], ["generate", "--help"], ["train", "-h"]])
def test_start_up_loads_nothing_heavy(arguments: list[str]) -> None:
    done = genvae(None, *arguments)
    assert (done.returncode, done.stderr) == (0, "\n")
    assert done.stdout


def test_importing_genvae_loads_nothing_heavy() -> None:
    code = "import sys, genvae; genvae.__version__; dir(genvae); print([n for n in %r if n in sys.modules])"
    heavy = ["torch", "transformers", "gradio", "datasets", "numpy", "tokenizers", "typer"]
    done = subprocess.run([sys.executable, "-c", code % heavy], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_setting_refused_before_the_model_is_read_loads_nothing_heavy() -> None:
    done = genvae(None, "generate", "sentences-en", "-n", "0")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["genvae: generate: n = 0 must be at least 1", ""]
