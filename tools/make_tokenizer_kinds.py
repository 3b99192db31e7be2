#!/usr/bin/env python3
"""Writes tests/golden/tokenizers/kinds.json: small tokenizer.json files of many kinds, and what Hugging Face's tokenizers
(PyPI tokenizers 0.23.3) makes of nasty texts with them.

A kind is one of a few trained bases with other parts set ("set": of the file, "model": of its model). A row has the ids
with special tokens, how many special tokens stand before and behind, and the decoded text where it is not the text.
Usage: tools/make_tokenizer_kinds.py > tests/golden/tokenizers/kinds.json
"""
import copy
import json
import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog. It's 3:45 pm, isn't it? We'll see; they've gone.",
    "def f(x):\n    return x ** 2 + 10\n\n\tif x == 0:\r\n        pass",
    "Größe naïve café Ångström ﬁne ½ ² №",
    "你好，世界。今天天气很好。こんにちは世界",
    "Привет мир, как дела? שלום עולם مرحبا بالعالم",
    "12345 678 9.01 1,000,000  a  b   c",
    "the the the there then them they this that these those",
] * 4
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CASES = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{Lu}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
POSSESSIVE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
CLASSES = r"[[:alpha:]&&[^aeiou]]+|[^\S\r\n]+|[\w&&\D]|\bthe\b|\h{2}+|\p{^L}"
TEXTS = [
    "", "a", "hello world", "  leading", "trailing   ", "Hello\r\nWorld\r\n\r\n  x", "a\x00b\x00",
    "The Fox's café cafés CAFÉ  dog   dog, the fox", "e\u0301a\u0308o\u0323\u0302 q\u0307\u0323", "\u1100\u1161\u11a8 한국어",
    "ﬁ ﬀ ½ ² Ⅷ № ㍿ ㎏ Å", "İstanbul ΣΑΣ ß ẞ ǅ", "𝔘𝔫𝔦 🙂👩\u200d👩\u200d👧🇩🇪❤️", "\u200b\u200d\u200c\ufeff\u00ad\u180e",
    "\u0085\u2028\u2029\u3000\u00a0x", " " * 50 + "x", "\n" * 20, "\t\t\n \t\n", "1234567890 ٣٤٥ １２３ ४५", "你好，世界。今天！こんにちは",
    "שלום עולם مرحبا بالعالم", "x" * 100, "the" * 30, "I'll we've 'S 'LL don't 'ſ", "def f(x):\n\treturn x**2  # no",
    "<s>hi</s> <unk> <think> x", "<a0> <a1>  <a2>  <a3> a<a3> <a4>  <a5><a6> <a7>x<a7> <a8>  \n\n <a8>", "<a1><a2><a1> <a<a",
    "▁▁a ▁b▁ ▁", "<0x41><0xE4>", "Ġa Ċ Â²", "\U00031350\U0001f6dc\U00010d70\U0001e4d0 ꟓ", "ไทย ภาษา हिन्दी தமிழ்",
    "\ufffd\ufffe\uffff\U0010ffff", "a.b,c;d:e!f?g(h)[i]{j}<k>\\l/m|n`o~p@q#r$s%t^u&v*w-x_y=z+", "AAAaaaBBB ABC fooBarBaz.Qux",
    "0x1F 1e-5 3.14", "—–‘’“”…", "ⒶⒷ ⓐ 🄰 ²³¹¼½¾",
]
random.seed(5)
POOL = [c for s in TEXTS for c in s] + list("  \n\t thequick<a>1▁")
TEXTS += ["".join(random.choice(POOL) for _ in range(random.randint(5, 40))) for _ in range(12)]


def trained(model, pre, decoder, size, **options):
    t = Tokenizer(model)
    t.pre_tokenizer, t.decoder = pre, decoder
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, min_frequency=1, show_progress=False, **options))
    return json.loads(t.to_str())


BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
FALLBACK = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
BASES = {
    "bytes": trained(models.BPE(), BYTES, decoders.ByteLevel(), 420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
    "characters": trained(models.BPE(unk_token="<unk>"), pre_tokenizers.Whitespace(), decoders.Fuse(), 250,
                          special_tokens=["<unk>", "<s>", "</s>"], limit_alphabet=60),
    "metaspace": trained(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True), pre_tokenizers.Metaspace(),
                         decoders.Metaspace(), 480, special_tokens=FALLBACK, limit_alphabet=60),
    "affixes": trained(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"),
                       pre_tokenizers.WhitespaceSplit(), decoders.BPEDecoder(suffix="</w>"), 300, special_tokens=["<unk>"],
                       continuing_subword_prefix="##", end_of_word_suffix="</w>"),
}
KINDS = []


def kind(name, base, model=None, **parts):
    KINDS.append({"name": name, "base": base, "set": parts, "model": model or {}})


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def split(pattern, behavior="Isolated", invert=False, how="Regex"):
    return {"type": "Split", "pattern": {how: pattern}, "behavior": behavior, "invert": invert}


def byte_level(use_regex=False, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": use_regex}


def added(first, *tokens):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return [{"id": first + i, "content": c, **flags, **{f: True for f in on}} for i, (c, *on) in enumerate(tokens)]


def template(*parts, ids):
    single = [{"Sequence": {"id": "A", "type_id": 0}} if p == "$A" else {"SpecialToken": {"id": p, "type_id": 0}} for p in parts]
    tokens = {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in ids.items()}
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": tokens}


def byte_kinds():
    kind("plain", "bytes")
    kind("prefix_space", "bytes", pre_tokenizer=byte_level(True, True))
    top = len(BASES["bytes"]["model"]["vocab"])
    kind("llama3", "bytes", {"ignore_merges": True}, pre_tokenizer=sequence(split(LLAMA3), byte_level()),
         added_tokens=added(top, ("<s>", "special"), ("</s>", "special")),
         post_processor={"type": "Sequence", "processors": [byte_level(), template("<s>", "$A", ids={"<s>": top})]})
    for name, pattern in {"cases": CASES, "possessive": POSSESSIVE, "classes": CLASSES, "lookaround": r"(?=\p{Lu})|(?<=\.)"}.items():
        kind(name, "bytes", pre_tokenizer=sequence(split(pattern), byte_level()))
    for behavior in "Removed Isolated MergedWithPrevious MergedWithNext Contiguous".split():
        for invert in (False, True):
            kind(f"{behavior}_{invert}", "bytes", pre_tokenizer=sequence(split(r"\p{N}|[aeiou]+", behavior, invert), byte_level()))
    kind("strings", "bytes", pre_tokenizer=sequence(split("the", "MergedWithNext", how="String"),
                                                    split(" ", "Removed", how="String"), byte_level(False, True)))
    kind("after_bytes", "bytes", pre_tokenizer=sequence(byte_level(True), {"type": "Digits", "individual_digits": True},
                                                        {"type": "Punctuation", "behavior": "Isolated"}))
    kind("bytes_by_normalizer", "bytes", normalizer={"type": "ByteLevel"}, pre_tokenizer=None)
    space = {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}
    normalizers = {f: {"type": f} for f in "NFC NFD NFKC NFKD Lowercase".split()}
    normalizers["Strip"] = {"type": "Strip", "strip_left": True, "strip_right": True}
    normalizers["StripRight"] = {"type": "Strip", "strip_left": False, "strip_right": True}
    normalizers["StripAccents"] = {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]}
    normalizers["Replace"] = {"type": "Sequence", "normalizers": [
        space, {"type": "Replace", "pattern": {"String": "the"}, "content": "TH"}]}
    normalizers["Prepend"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": ">> "}, {"type": "NFKC"}, {"type": "Lowercase"}]}
    for name, normalizer in normalizers.items():
        kind(name, "bytes", normalizer=normalizer, added_tokens=added(
            top, ("Fox", "normalized"), ("café", "single_word"), ("  dog", "rstrip", "normalized"), ("THx", "special")))
    flags = [(), ("lstrip",), ("rstrip",), ("single_word",), ("lstrip", "rstrip"), ("special",), ("normalized",),
             ("normalized", "special", "single_word"), ("rstrip", "special")]
    kind("added", "bytes", added_tokens=added(top, *[(f"<a{i}>", *f) for i, f in enumerate(flags)], ("<a",), ("<a1><a2>",),
                                              ("\n\n",), (" ", "single_word", "normalized"), ("fox", "single_word")))
    kind("joined", "bytes", decoder=None)
    replace = {"type": "Replace", "pattern": {"String": "Ġth"}, "content": "<>"}
    kind("fused", "bytes", decoder={"type": "Sequence", "decoders": [
        {"type": "Fuse"}, replace, {"type": "Strip", "content": "T", "start": 1, "stop": 0}]})
    kind("spaced", "bytes", decoder={"type": "Sequence", "decoders": [byte_level(), space]})


def character_kinds():
    steps = {"Digits": {"individual_digits": False}, "Whitespace": {}, "WhitespaceSplit": {}, "BertPreTokenizer": {},
             "Punctuation": {"behavior": "MergedWithPrevious"}, "CharDelimiterSplit": {"delimiter": "e"}, "FixedLength": {"length": 3}}
    for i, (name, options) in enumerate(steps.items()):
        kind(name, "characters", {"fuse_unk": i % 2 == 0}, pre_tokenizer={"type": name, **options},
             post_processor={"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]})
    legacy = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
              {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    special = added(0, ("<unk>", "special"), ("<s>", "special"), ("</s>", "special"))
    thought = added(len(BASES["metaspace"]["model"]["vocab"]), ("<think>",))
    for scheme in ("first", "always", "never"):
        for whole in (False, True):
            metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": not whole}
            kind(f"metaspace_{scheme}_{whole}", "metaspace", pre_tokenizer=metaspace, added_tokens=special + thought,
                 decoder={"type": "Sequence", "decoders": legacy} if whole else metaspace,
                 post_processor=template("<s>", "$A", "</s>", ids={"<s>": 1, "</s>": 2}))
    kind("llama2", "metaspace", pre_tokenizer=None, added_tokens=special + thought,
         normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {
             "type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
         decoder={"type": "Sequence", "decoders": legacy})
    kind("unknown", "metaspace", {"byte_fallback": False, "fuse_unk": False})
    kind("affixes", "affixes", post_processor=None)


byte_kinds()
character_kinds()
for k in KINDS:
    file = copy.deepcopy(BASES[k["base"]])
    file.update(k["set"])
    file["model"].update(k["model"])
    t = Tokenizer.from_str(json.dumps(file))
    k["rows"] = []
    for text in TEXTS:
        ids, plain = t.encode(text).ids, t.encode(text, add_special_tokens=False).ids
        before = next(i for i in range(len(ids) + 1) if ids[i:i + len(plain)] == plain)
        row = {"ids": ids, "before": before, "after": len(ids) - before - len(plain)}
        try:
            decoded, skipped = t.decode(ids, skip_special_tokens=False), t.decode(ids)
        except BaseException:  # a decoder of theirs that panics on an empty text
            decoded = skipped = None
        row.update({"decoded": decoded} if decoded != text else {}, **({"skipped": skipped} if skipped != decoded else {}))
        k["rows"].append(row)
print(json.dumps({"bases": BASES, "texts": TEXTS, "kinds": KINDS}, ensure_ascii=False, separators=(",", ":")).replace('{"name":', '\n{"name":'))
