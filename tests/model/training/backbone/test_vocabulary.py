from pathlib import Path

from transformers import CLIPTokenizer

from model.training.backbone import vocabulary


def test_every_known_word_is_one_token_and_others_fall_apart() -> None:
    tokenizer = vocabulary.build()
    assert all(len(tokenizer(word)["input_ids"]) == 3 for word in vocabulary.WORDS)
    assert len(tokenizer("zebra")["input_ids"]) > 3


def test_any_script_is_read_without_an_unknown_token(tmp_path: Path) -> None:
    tokenizer = vocabulary.build()
    ids = tokenizer("Zèbra 象 🦓")["input_ids"]
    assert tokenizer.unk_token_id not in ids[1:-1]
    tokenizer.save_pretrained(tmp_path)
    assert CLIPTokenizer.from_pretrained(tmp_path)("Zèbra 象 🦓")["input_ids"] == ids
