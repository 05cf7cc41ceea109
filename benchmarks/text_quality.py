"""The table of remedies on the Penn Treebank: each row trained by the library and measured on the test file.

    python benchmarks/text_quality.py [--only pretrained-free-bits] [--epochs 10] [--samples 100] [--seed 0]
        [--device cuda] [--kept FILE] [--quick]
    python benchmarks/text_quality.py --show        the rows that have landed so far
    python benchmarks/text_quality.py --take FILE   rows that landed elsewhere, each process having kept its own

    perplexity = exp(nll / words), of 82,430 words in 3,761 sentences, the ends counted
    nll        importance weighted with --samples samples; -ELBO = distortion + KL; all in nats per sentence
               a GPU makes its products in TF32
    KL, MI, AU the rate, the mutual information (Hoffman and Johnson 2016), the active units (Burda et al. 2016)

The model is chosen by ptb.valid. Rows land in results/text_quality.json one by one; a finished one is not trained
again, and one that was stopped goes on from its last checkpoint in runs/text_quality. They are in text/remedies.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.text.kept import RESULTS, Kept, table
from benchmarks.text.ptb import TEST, head, ptb, size
from benchmarks.text.remedies import laid, plain, quick, remedies

MEASURES = ("bounds", "words", "collapse", "diagnosis")

Figures = dict[str, Any]


def recipe(sections: Figures, seed: int, changes: list[str]) -> Any:
    """A row's recipe, with the single settings that were asked for."""
    from genvae.host import default_host
    from genvae.recipe import Recipe

    made = Recipe(sections, default_host())
    made.set([f"training.seed={seed}", *changes])
    return made


def trained(made: Any, data: Path, valid: Path, folder: Path, device: str) -> tuple[Any, float]:
    """The model of a recipe, trained to the end, and the seconds of its steps."""
    from genvae.progress import Terminal
    from genvae.training.run import train

    outcome = train(
        made, data, folder, resume=(folder / "run").is_dir(), reporter=Terminal(), validation=valid, device=device
    )
    return outcome.bundle, outcome.state.seconds


def measured(bundle: Any, test: Path, samples: int, device: str) -> Figures:
    """The engine's figures on a file, and why any of them is missing."""
    import numpy as np

    from genvae.data.batching import Batches
    from genvae.data.prepare import prepare
    from genvae.data.read import read
    from genvae.device import chosen, placed
    from genvae.errors import LacksCapability
    from genvae.evaluation.evaluation import Evaluation

    host = bundle.recipe.host
    selected, left_out = bundle.recipe.modality_settings().select(read(test, host))
    assert not left_out, left_out
    examples = prepare(selected, bundle.modality)
    place = chosen(device)
    batches = Batches(examples, np.arange(len(examples)), bundle.modality, batch_size=128, device=place)
    evaluation = Evaluation(bundle.vae, bundle.modality, bundle.modality_id, batches, samples=samples)
    figures: Figures = {}
    with placed(bundle.vae, place):
        for name in MEASURES:
            try:
                figures |= host.load("measure", name)(evaluation)
            except LacksCapability as error:
                evaluation.left_out[name] = str(error)
    return {**figures, "left_out": evaluation.left_out} if evaluation.left_out else figures


def row(
    name: str, made: Any, files: tuple[Path, Path, Path], work: Path, samples: int, kept: Kept, device: str
) -> Figures:
    """A row that is there already, or its figures when it is trained, validated and measured on the three files."""
    config = made.to_config()
    settings = {"recipe": config, "samples": samples}
    done = kept.find(name, settings)
    if done is not None:
        return done
    key = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:8]
    bundle, seconds = trained(made, files[0], files[1], work / f"{name}-{key}", device)
    began = time.perf_counter()
    figures = measured(bundle, files[2], samples, device)
    weights = sum(parameter.numel() for parameter in bundle.vae.parameters())
    spent = {"training_seconds": seconds, "evaluation_seconds": time.perf_counter() - began}
    return kept.add(name, settings, {"weights": weights, **figures, **spent})


def shown(rows: list[Figures], published: dict[str, float | None]) -> str:
    """The table."""
    lines = []
    for found in rows:
        training = found["settings"]["recipe"]["training"]
        spent = f"{found['training_seconds'] / 60:.0f}"
        known = published.get(found["row"])
        lines.append((
            found["row"], f"{found['perplexity']:.1f}" if "perplexity" in found else "", f"{known}" if known else "",
            f"{found['nll']:.2f} ± {found['nll_error']:.2f}", f"{found['negative_elbo']:.2f}",
            *(f"{found[key]:.2f}" if key in found else "" for key in ("kl", "mutual_information")),
            f"{found['active_units']}" if "active_units" in found else "", f"{found['nll_samples']}",
            f"{training['epochs']} x {training['batch_size']}", f"{training['seed']}", spent,
        ))  # fmt: skip
    heads = ("row", "perplexity", "published", "NLL", "-ELBO", "KL", "MI", "AU", "samples", "epochs x batch", "seed")
    return table((*heads, "min"), lines)


def asked() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", metavar="ROW", help="one row alone")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training file")
    parser.add_argument("--batch", type=int, default=32, help="lines a batch")
    parser.add_argument("--samples", type=int, default=100, help="importance samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of every row")
    parser.add_argument("--work", type=Path, default=Path("runs/text_quality"), help="where the runs lie")
    parser.add_argument("--quick", action="store_true", help="three steps of every row; figures mean nothing")
    parser.add_argument("--device", default="cpu", help="where the models compute: cpu, cuda, auto")
    parser.add_argument("--kept", type=Path, default=RESULTS / "text_quality.json", help="where rows are kept")
    parser.add_argument("--take", type=Path, nargs="+", default=[], help="add the rows of other such files, and show")
    parser.add_argument("--show", action="store_true", help="print the table, measure nothing")
    chosen = parser.parse_args()
    if chosen.only not in (None, *remedies(chosen.epochs)):
        parser.error(f"no row {chosen.only!r}; there are: {', '.join(remedies(chosen.epochs))}")
    return chosen


def main() -> None:
    """Train and measure what is not there yet; print the table after every row."""
    chosen = asked()
    listed = remedies(chosen.epochs, chosen.batch)
    published = {name: remedy.published for name, remedy in listed.items()}
    kept = Kept(chosen.kept)
    for path in chosen.take:
        kept.take(Kept(path))
    if chosen.show or chosen.take:
        print(shown(kept.rows(), published))
        return
    files = ptb("train"), ptb("valid"), ptb("test")
    assert size(files[2]) == TEST, f"{files[2]} is not the usual test file: {size(files[2])} instead of {TEST}"

    import torch

    from genvae.device import chosen as device
    from genvae.errors import GenvaeError
    from genvae.training.interrupt import Interrupted

    torch.set_num_threads(chosen.threads)
    if device(chosen.device).type == "cuda":
        torch.set_float32_matmul_precision("high")
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        work, samples = chosen.work, chosen.samples
        if chosen.quick:
            work, samples, kept = Path(folder), 2, Kept(Path(folder) / "text_quality.json")
            files = (
                head(files[0], 200, work / "train.txt"), head(files[1], 16, work / "valid.txt"),
                head(files[2], 16, work / "test.txt"),
            )  # fmt: skip
        for name, remedy in listed.items():
            if chosen.only not in (None, name):
                continue
            sections = laid(remedy.changes, plain(chosen.epochs, chosen.batch))
            made = recipe(quick(sections) if chosen.quick else sections, chosen.seed, chosen.set)
            try:
                row(name, made, files, work, samples, kept, chosen.device)
            except Interrupted as stopped:
                sys.exit(f"{name}: {stopped}")
            except GenvaeError as error:
                failed.append(name)
                print(f"{name} failed: {error}", file=sys.stderr)
            print(f"\n{shown(kept.rows(), published)}", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
