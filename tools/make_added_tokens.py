#!/usr/bin/env python3
"""Writes tests/golden/tokenizers/additions.json: what a folder's other files add to its tokenizer.json.

{"texts", "folders": [{"name", "added": tokenizer.json's added_tokens, "files": {name: contents}, "rows": [{"ids", "text"}]}]}:
ids without those that begin and end a text, and what they decode to. tokenizer.json is the byte-level base of kinds.json
with `added`; judged by PyPI transformers 5.24.0 (tokenizers 0.23.3), which loads the folder. Usage: tools/make_added_tokens.py
"""
import json
import pathlib
import tempfile

import transformers

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/tokenizers"
BASE = json.loads((FOLDER / "kinds.json").read_text())["bases"]["bytes"]
N = len(BASE["model"]["vocab"])
WORD = next(w for w in BASE["model"]["vocab"] if len(w) > 2 and w.isalpha() and w.isascii())
TEXTS = ["the fox", "  a <x> b<y>c <z>", "<s>hi</s> <pad>", "<tool> x </tool>", "ab <mask> cd", f"a{WORD}b <image>"]


def flags(content, **given):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **given}


def at(id, content, **given):
    return {"id": id, **flags(content, **given)}


def config(**keys):
    return {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", **keys}}


TWO = [at(N, "<x>"), at(N + 1, "<y>", special=False)]
FOLDERS = {
    "nothing": (TWO, {}),
    "gaps in tokenizer.json": ([at(N + 3, "<x>"), at(N + 9, "<y>", special=False)], {}),
    "gaps in added_tokens_decoder": ([], config(added_tokens_decoder={str(N + 5): flags("<x>"), str(N + 2): flags("<y>", special=False)})),
    "other flags": (TWO, config(added_tokens_decoder={str(N): flags("<x>", lstrip=True), str(N + 1): flags("<y>", rstrip=True)})),
    "roles": (TWO, config(pad_token="<pad>", additional_special_tokens=["<tool>", "</tool>"], bos_token=WORD,
                          mask_token={"__type": "AddedToken", **flags("<mask>", lstrip=True)})),
    "extra_special_tokens": (TWO, config(extra_special_tokens=["<tool>", "</tool>", "<x>"])),
    "roles of its own": (TWO, config(extra_special_tokens={"begin_token": "<tool>"}, image_token="<image>")),
    "roles and added_tokens_decoder": ([], config(
        added_tokens_decoder={str(N): flags("<s>", special=False), str(N + 1): flags("</s>")}, bos_token="<s>", eos_token="</s>", pad_token="<pad>")),
    "special_tokens_map.json": (TWO, {**config(), "special_tokens_map.json": {
        "bos_token": "<s>", "eos_token": flags("</s>", rstrip=True), "pad_token": "<pad>"}}),
    "special_tokens_map.json that does not count": (TWO, {**config(added_tokens_decoder={}), "special_tokens_map.json": {"pad_token": "<pad>"}}),
    "added_tokens.json": (TWO, {**config(), "added_tokens.json": {"<z>": N + 3, "<s>": N + 2}}),
}


def main():
    folders = []
    for name, (added, files) in FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            all_files = {**config(), **files, "tokenizer.json": {**BASE, "added_tokens": added}}
            for file, contents in all_files.items():
                (pathlib.Path(folder) / file).write_text(json.dumps(contents))
            t = transformers.AutoTokenizer.from_pretrained(folder)
            ids = [t(x, add_special_tokens=False)["input_ids"] for x in TEXTS]
            rows = [{"ids": i, "text": t.decode(i, clean_up_tokenization_spaces=False)} for i in ids]
        folders.append({"name": name, "added": added, "files": files, "rows": rows})
    (FOLDER / "additions.json").write_text(json.dumps({"texts": TEXTS, "folders": folders}, indent=1) + "\n")


main()
