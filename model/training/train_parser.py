"""Train the English pipeline (tagger, lemmatiser, parser) on UD English EWT and generated captions.

    python -m model.training.train_parser --ewt FOLDER --out model/embedded/weights/parser

The EWT folder holds {train,dev,test}.conllu.gz. Same seed, same pipeline. A checkpoint is kept after every epoch
(`--work`), and the next run goes on from it. The figures go to figures.json in the pipeline's folder.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import spacy
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from thinc.api import Adam, Config, Model, Optimizer, fix_random_seed

from model.adapters.spacy.noun_phrases import phrases_of
from model.training.parser.caption_trees import Caption
from model.training.parser.captions import captions
from model.training.parser.treebank import batches, caption_doc, example, read_conllu, shuffled_texts, word_classes

PIPELINE = """
[nlp]
lang = "en"
pipeline = ["tok2vec", "tagger", "trainable_lemmatizer", "parser"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy.Tok2Vec.v2"

[components.tok2vec.model.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 1000]
include_static_vectors = false

[components.tok2vec.model.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = 96
depth = 4
window_size = 1
maxout_pieces = 3

[components.tagger]
factory = "tagger"

[components.tagger.model]
@architectures = "spacy.Tagger.v2"

[components.tagger.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96

[components.trainable_lemmatizer]
factory = "trainable_lemmatizer"
min_tree_freq = 5
top_k = 3

[components.trainable_lemmatizer.model]
@architectures = "spacy.Tagger.v2"

[components.trainable_lemmatizer.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96

[components.parser]
factory = "parser"
learn_tokens = false
min_action_freq = 30

[components.parser.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "parser"
extra_state_tokens = false
hidden_width = 128
maxout_pieces = 2
use_upper = true

[components.parser.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 96
"""


@dataclass(frozen=True, slots=True)
class Training:
    """How long and how fast. The learning rate falls towards zero at `decay_epochs`; `epochs` may stop before.

    Updates hold `batch_words` words, half as many in the first epoch.
    """

    ewt: Path
    out: Path
    work: Path
    epochs: int = 4
    decay_epochs: int = 9
    captions: int = 7000
    seed: int = 0
    learn_rate: float = 0.0015
    batch_words: int = 600
    dropout: float = 0.1
    held_out: int = 1000  # generated captions for the figures, none of them seen in training


TRAINED = ("tok2vec", "tagger", "trainable_lemmatizer", "parser")
OPTIMIZER_STATE = ("mom1", "mom2", "averages", "nr_update")
SOURCE = {"name": "UD English EWT", "url": "https://universaldependencies.org", "license": "CC BY-SA 4.0"}


def train(training: Training) -> dict[str, float]:
    """Train from the last checkpoint on, write the pipeline, and return its figures."""
    fix_random_seed(training.seed)
    nlp = spacy.util.load_model_from_config(Config().from_str(PIPELINE), auto_fill=True)
    sentences = [*read_conllu(nlp, training.ewt / "train.conllu.gz"), *caption_docs(nlp, training)]
    nlp.initialize(lambda: [example(nlp, doc) for doc in sentences])
    optimizer = Adam(learn_rate=training.learn_rate, L2=0.01, grad_clip=1.0, use_averages=True)
    started = time.monotonic()
    for epoch in range(_restore(nlp, optimizer, training.work), training.epochs):
        losses = _epoch(nlp, optimizer, sentences, (training, epoch))
        _save(nlp, optimizer, training.work, epoch + 1)
        with nlp.use_params(optimizer.averages):
            scores = figures(nlp, training, "dev")
        print(f"epoch {epoch + 1} {time.monotonic() - started:.0f} s", losses, scores, flush=True)
    with nlp.use_params(optimizer.averages):
        return _ship(nlp, training)


def caption_docs(nlp: Language, training: Training) -> list[Doc]:
    """The generated captions of the training set."""
    return [caption_doc(nlp, caption) for caption in islice(captions(training.seed), training.captions)]


def held_out_captions(training: Training) -> list[Caption]:
    """Captions of another seed, without those whose text the training set has."""
    seen = {caption.text for caption in islice(captions(training.seed), training.captions)}
    unseen = (caption for caption in captions(training.seed + 1) if caption.text not in seen)
    return list(islice(unseen, training.held_out))


def _epoch(nlp: Language, optimizer: Optimizer, sentences: list[Doc], at: tuple[Training, int]) -> dict[str, float]:
    """One pass in a fresh order, learning rate warmed up in the first epoch and then falling to zero."""
    training, epoch = at
    rng = random.Random(training.seed * 1000 + epoch)
    fix_random_seed(training.seed * 1000 + epoch)
    docs = list(shuffled_texts(nlp, rng, sentences))
    total, done = sum(map(len, docs)), 0
    losses: dict[str, float] = {}
    for batch in batches(docs, training.batch_words // (2 if epoch == 0 else 1)):
        part = done / total
        progress = (epoch + part) / training.decay_epochs
        optimizer.learn_rate = training.learn_rate * min(1.0, 0.1 + 2 * (epoch + part)) * (1 - progress)
        nlp.update([example(nlp, doc) for doc in batch], sgd=optimizer, drop=training.dropout, losses=losses)
        done += sum(map(len, batch))
    return {name: round(loss) for name, loss in losses.items()}


def figures(nlp: Language, training: Training, part: str) -> dict[str, float]:
    """UAS, LAS (no punctuation), tag and lemma accuracy in percent: EWT with its own words, and unseen captions."""
    ewt = nlp.evaluate([example(nlp, doc) for doc in read_conllu(nlp, training.ewt / f"{part}.conllu.gz")])
    unseen = [caption_doc(nlp, caption) for caption in held_out_captions(training)]
    ours = nlp.evaluate([example(nlp, doc) for doc in unseen])
    names = {"uas": "dep_uas", "las": "dep_las", "tags": "tag_acc", "lemmas": "lemma_acc"}
    return {
        **{f"ewt_{part}_{name}": round(100 * ewt[key], 2) for name, key in names.items()},
        **{f"captions_{name}": round(100 * ours[key], 2) for name, key in names.items()},
    }


def _save(nlp: Language, optimizer: Optimizer, work: Path, epochs: int) -> None:
    """Keep everything that the next epoch starts from: spaCy applies the last gradients of tok2vec an update late."""
    layers = _layers(nlp)
    state = {
        "epochs": epochs,
        "params": nlp.to_bytes(),
        "grads": [
            {name: layer.get_grad(name) for name in layer.grad_names if layer.has_grad(name)} for layer in layers
        ],
        "first": layers[0].id,
        **{name: dict(getattr(optimizer, name)) for name in OPTIMIZER_STATE},
    }
    work.mkdir(parents=True, exist_ok=True)
    (work / "checkpoint.new").write_bytes(pickle.dumps(state))
    (work / "checkpoint.new").replace(work / "checkpoint")


def _restore(nlp: Language, optimizer: Optimizer, work: Path) -> int:
    """Epochs already done. The optimizer knows layers by running numbers, which start elsewhere in another process."""
    if not (work / "checkpoint").exists():
        return 0
    # A file of our own, from a run that was interrupted.
    state: dict[str, Any] = pickle.loads((work / "checkpoint").read_bytes())  # nosec B301
    nlp.from_bytes(state["params"])
    layers = _layers(nlp)
    for layer, grads in zip(layers, state["grads"], strict=True):
        for name, grad in grads.items():
            layer.set_grad(name, grad)
    shift = layers[0].id - state["first"]
    for name in OPTIMIZER_STATE:
        getattr(optimizer, name).update({(layer + shift, key): value for (layer, key), value in state[name].items()})
    return int(state["epochs"])


def _layers(nlp: Language) -> list[Model[Any, Any]]:
    return [layer for name in TRAINED for layer in cast(TrainablePipe, nlp.get_pipe(name)).model.walk()]


def _ship(nlp: Language, training: Training) -> dict[str, float]:
    """Write pipeline and figures. Word classes follow from the tags, which costs no weights."""
    ruler: Any = nlp.add_pipe("attribute_ruler", after="tagger")
    classes = word_classes(read_conllu(nlp, training.ewt / "train.conllu.gz"))
    ruler.add_patterns([{"patterns": [[{"TAG": tag}]], "attrs": {"POS": pos}} for tag, pos in sorted(classes.items())])
    nlp.meta.update(name="anyword_captions", version="1.0.0", license="CC BY-SA 4.0", sources=[SOURCE])
    nlp.to_disk(training.out)
    scores = figures(nlp, training, "test") | {"captions_exact_structures": _exact(nlp, training)}
    made = {"epochs": training.epochs, "captions": training.captions, "seed": training.seed}
    (training.out / "figures.json").write_text(json.dumps(made | scores, indent=2) + "\n", encoding="utf-8")
    return scores


def _exact(nlp: Language, training: Training) -> float:
    """Percentage of unseen captions whose every phrase (noun, modifiers, parent, place) is as in the gold tree."""
    right = 0
    for caption in held_out_captions(training):
        gold = caption_doc(nlp, caption)
        spans = [(token.idx, token.idx + len(token)) for token in gold]
        found = nlp(Doc(nlp.vocab, words=[token.lower_ for token in gold]))
        right += _structure(found, spans, caption.text) == _structure(gold, spans, caption.text)
    return round(100 * right / training.held_out, 2)


def _structure(doc: Doc, spans: list[tuple[int, int]], text: str) -> list[tuple[Any, ...]]:
    """The phrases without lemmas."""
    return [
        (phrase.noun.start, [word.start for word in phrase.modifiers], phrase.parent, phrase.place)
        for phrase in phrases_of(doc, spans, text)
    ]


def main() -> None:
    """Read the command line and train."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ewt", type=Path, required=True, help="folder with {train,dev,test}.conllu.gz")
    options.add_argument("--out", type=Path, required=True, help="folder for the pipeline")
    options.add_argument("--work", type=Path, default=Path("runs/parser"), help="folder for the checkpoint")
    options.add_argument("--epochs", type=int, default=4)
    options.add_argument("--captions", type=int, default=7000)
    options.add_argument("--seed", type=int, default=0)
    print(train(Training(**vars(options.parse_args()))))


if __name__ == "__main__":
    main()
