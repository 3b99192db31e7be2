#!/usr/bin/env python3
"""Writes small GGUF vocabularies into tests/golden/tokenizers/ and what llama.cpp makes of texts with them.

PRE.gguf: the byte-level base of kinds.json under each name of tokenizer.ggml.pre. sentencepiece.gguf and
sentencepiece-bare.gguf: a BPE model that sentencepiece trains here, with and without a space before each text.
llama_cpp.json: {"texts", "ids": {file: a list a text}}, special tokens neither parsed nor added.
Needs PyPI gguf 0.19.0 and sentencepiece 0.2.3, and the path of an installed npm node-llama-cpp 3.
Usage: tools/make_tokenizer_gguf.py NODE_MODULES
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import sentencepiece

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/tokenizers"
KINDS = json.loads((FOLDER / "kinds.json").read_text())
TEXTS = [t for t in KINDS["texts"] if t and "\0" not in t and "<" not in t]
PRE = "gpt-2 qwen2 llama-bpe deepseek-llm deepseek-coder deepseek-v3 deepseek-r1-qwen smollm default".split()
JUDGE = """
import {getLlama} from "node-llama-cpp";
import fs from "fs";
const llama = await getLlama({gpu: false, build: "never", logLevel: "disabled"});
const model = await llama.loadModel({modelPath: process.argv[2], vocabOnly: true});
const texts = JSON.parse(fs.readFileSync(process.argv[3], "utf8"));
console.log(JSON.stringify(texts.map((t) => Array.from(model.tokenize(t, false)))));
process.exit(0);
"""


def writer(name):
    w = gguf.GGUFWriter(FOLDER / name, "llama")
    for key in ("context_length", "embedding_length", "block_count", "head_count", "feed_forward_length", "rope_dimension_count"):
        getattr(w, "add_" + key)(16)
    w.add_layer_norm_rms_eps(1e-5)
    return w


def close(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def byte_level(pre):
    model = KINDS["bases"]["bytes"]["model"]
    w = writer(pre + ".gguf")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    w.add_token_list(tokens + ["<|end|>"])
    w.add_token_types([1] * len(tokens) + [3])
    w.add_token_merges([" ".join(m) for m in model["merges"]])
    w.add_bos_token_id(len(tokens))
    w.add_eos_token_id(len(tokens))
    close(w)


def sentence_piece(name, pieces, **flags):
    w = writer(name)
    w.add_tokenizer_model("llama")
    n = range(pieces.get_piece_size())
    w.add_token_list([pieces.id_to_piece(i) for i in n])
    w.add_token_scores([pieces.get_score(i) for i in n])
    kinds = [2 if pieces.is_unknown(i) else 3 if pieces.is_control(i) else 6 if pieces.is_byte(i) else 1 for i in n]
    w.add_token_types([4 if pieces.id_to_piece(i) == "<think>" else kinds[i] for i in n])
    w.add_unk_token_id(0)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    if flags:
        w.add_add_space_prefix(flags["space"])
    close(w)


def main():
    files = [pre + ".gguf" for pre in PRE] + ["sentencepiece.gguf", "sentencepiece-bare.gguf"]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "texts.txt").write_text("\n".join(KINDS["texts"]).replace("\0", ""))
        sentencepiece.SentencePieceTrainer.train(
            input=str(scratch / "texts.txt"), model_prefix=str(scratch / "spm"), model_type="bpe", vocab_size=700,
            byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.98,
            user_defined_symbols=["<think>"], split_digits=True, minloglevel=2)
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(scratch / "spm.model"))
        for pre in PRE:
            byte_level(pre)
        sentence_piece("sentencepiece.gguf", pieces)
        sentence_piece("sentencepiece-bare.gguf", pieces, space=False)
        (scratch / "texts.json").write_text(json.dumps(TEXTS))
        judge = pathlib.Path(sys.argv[1]).parent / "judge.mjs"
        judge.write_text(JUDGE)
        ids = {}
        for name in files:
            run = subprocess.run(["node", judge, FOLDER / name, scratch / "texts.json"], capture_output=True, text=True, check=True)
            ids[name] = json.loads(run.stdout.splitlines()[-1])
        judge.unlink()
    (FOLDER / "llama_cpp.json").write_text(json.dumps({"texts": TEXTS, "ids": ids}, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
