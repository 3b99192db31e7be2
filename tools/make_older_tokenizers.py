#!/usr/bin/env python3
"""Writes tests/golden/tokenizers/older.json: folders that have no tokenizer.json, and what their makers give for texts.

{"texts", "folders": [{"name", "files": {name: text}, "base64": {name: bytes}, "special", "rows": [{"ids", "plain", "text"}]}]}:
"special": whether special tokens are found in text; ids with those added that begin and end it, without, and what the latter decode
to (null: as the text; false: not compared). vocab.json with merges.txt: the byte-level base of kinds.json, judged by PyPI
transformers 5.24.0 (tokenizers 0.23.3). tokenizer.model: trained here by PyPI sentencepiece 0.2.3, judged by it where text alone counts,
by transformers where added tokens do. Needs protobuf too. Usage: tools/make_older_tokenizers.py
"""
import base64
import json
import pathlib
import tempfile

import sentencepiece
import transformers

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/tokenizers"
KINDS = json.loads((FOLDER / "kinds.json").read_text())
TEXTS = [t for t in KINDS["texts"] if "\0" not in t] + [
    "<|im_start|>user\nhi<|im_end|> there", "a<|endoftext|>b", "x <|endoftext|> the <|pad|>y", " the fox\n  jumped ▁▁x"]
BYTES = KINDS["bases"]["bytes"]["model"]
VOCAB = dict(BYTES["vocab"])
MERGES = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in BYTES["merges"])
N = max(VOCAB.values()) + 1
ENDED = json.dumps({**VOCAB, "<|endoftext|>": N})


def added(content, special=True, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
            "special": special, **flags}


BYTE_FOLDERS = {
    "gpt2, nothing else": {"vocab.json": ENDED, "config.json": json.dumps({"model_type": "gpt2"})},
    "gpt2, borders and a space": {
        "vocab.json": ENDED,
        "tokenizer_config.json": json.dumps({"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True,
                                             "add_bos_token": True, "bos_token": "<|endoftext|>", "pad_token": "<|pad|>"})},
    "qwen2, added_tokens_decoder": {
        "vocab.json": json.dumps(VOCAB),
        "tokenizer_config.json": json.dumps({
            "tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
            "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
            "added_tokens_decoder": {str(N): added("<|endoftext|>"), str(N + 1): added("<|im_start|>"),
                                     str(N + 2): added("<|im_end|>"), str(N + 3): added("<think>", False, lstrip=True)}})},
    "qwen2, added_tokens.json": {
        "vocab.json": json.dumps(VOCAB), "config.json": json.dumps({"model_type": "qwen2"}),
        "added_tokens.json": json.dumps({"<|endoftext|>": N, "<|im_start|>": N + 1, "<|im_end|>": N + 2}),
        "special_tokens_map.json": json.dumps({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
                                               "eos_token": "<|endoftext|>", "pad_token": added("<|endoftext|>")})},
}
SPOKEN = "the cat sat on the mat and the dog ran. The fox jumped over 12 lazy dogs, 345 times!\nwords  with  spaces café\n"


def train(**options):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "text"
        source.write_text("".join(t.replace("\n", " ") + "\n" for t in TEXTS[1:]) + SPOKEN * 20)
        settings = dict(input=str(source), model_prefix=folder + "/m", model_type="bpe", vocab_size=600, byte_fallback=True,
                        normalization_rule_name="identity", remove_extra_whitespaces=False, num_threads=1, minloglevel=2,
                        character_coverage=0.98, hard_vocab_limit=False)
        sentencepiece.SentencePieceTrainer.train(**{**settings, **options})
        return (pathlib.Path(folder) / "m.model").read_bytes()


PIECE_FOLDERS = {
    "pieces alone": (train(), {}),
    "pieces, spaces merged": (train(remove_extra_whitespaces=True, byte_fallback=False, vocab_size=300), {}),
    "pieces, no space before": (train(add_dummy_prefix=False, pad_id=3, vocab_size=600), {}),
    "pieces, some whole": (train(user_defined_symbols=["<think>", "▁▁", "[i]{", "the"], vocab_size=600), {}),
    "pieces, added tokens": (train(vocab_size=600), {
        "tokenizer_config.json": json.dumps({
            "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": True, "legacy": True,
            "bos_token": "<s>", "eos_token": {**added("</s>"), "__type": "AddedToken"},
            "added_tokens_decoder": {"0": added("<unk>"), "1": added("<s>"), "2": added("</s>"),
                                     "600": added("<|im_start|>"), "601": added("<|im_end|>")}})}),
}
PIECE_FOLDERS["pieces, added tokens, not legacy"] = (PIECE_FOLDERS["pieces, added tokens"][0], {
    "tokenizer_config.json": PIECE_FOLDERS["pieces, added tokens"][1]["tokenizer_config.json"].replace(
        '"legacy": true', '"legacy": false')})


def rows_of(plain, whole, decode):
    rows = []
    for text in TEXTS:
        ids = plain(text)
        decoded = decode(ids)
        rows.append({"ids": whole(text), "plain": ids, "text": None if decoded == text else decoded})
    return rows


def by_transformers(folder, cls):
    t = cls.from_pretrained(folder)
    return rows_of(lambda x: t(x, add_special_tokens=False)["input_ids"], lambda x: t(x)["input_ids"],
                   lambda ids: t.decode(ids, clean_up_tokenization_spaces=False))


def by_sentencepiece(model):
    p = sentencepiece.SentencePieceProcessor(model_proto=model)
    rows = rows_of(p.encode, lambda x: [p.bos_id()] + p.encode(x), p.decode)
    for text, row in zip(TEXTS, rows):  # it spells the unknown token " \u2047 ", others <unk>; spaces that a text spells U+2581 may go
        row["text"] = False if p.unk_id() in row["plain"] or text.startswith("▁") else row["text"]
    return rows


def main():
    folders = []
    for name, files in BYTE_FOLDERS.items():
        files = {**files, "merges.txt": MERGES}
        with tempfile.TemporaryDirectory() as folder:
            for file, text in files.items():
                (pathlib.Path(folder) / file).write_text(text)
            cls = transformers.Qwen2Tokenizer if name.startswith("qwen2") else transformers.GPT2Tokenizer
            folders.append({"name": name, "files": files, "base64": {}, "special": True, "rows": by_transformers(folder, cls)})
    for name, (model, files) in PIECE_FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "tokenizer.model").write_bytes(model)
            for file, text in files.items():
                (pathlib.Path(folder) / file).write_text(text)
            rows = by_transformers(folder, transformers.TokenizersBackend) if files else by_sentencepiece(model)
        folders.append({"name": name, "files": files, "base64": {"tokenizer.model": base64.b64encode(model).decode()},
                        "special": bool(files), "rows": rows})
    (FOLDER / "older.json").write_text(
        json.dumps({"texts": TEXTS, "folders": folders}, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
