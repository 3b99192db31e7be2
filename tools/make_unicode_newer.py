#!/usr/bin/env python3
"""Writes src/text/unicode_newer.inc: where Hugging Face's tokenizers differ from PCRE2 10.42 (Unicode 14) and utf8proc 2.8.

Needs a Python whose unicodedata is of Unicode 14 (3.11) and PyPI tokenizers 0.23.3, which asks Oniguruma. Every code
point that Unicode 14 leaves unassigned is asked for its category; the derived properties are asked of the same ones.
Usage: tools/make_unicode_newer.py > src/text/unicode_newer.inc
"""
import ctypes
import unicodedata

from tokenizers import Regex, normalizers, pre_tokenizers

assert unicodedata.unidata_version == "14.0.0", unicodedata.unidata_version
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
DERIVED = "Alphabetic Lowercase Uppercase Han".split()
unassigned = "".join(chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cn")


everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)


def joined(codes):
    out = []
    for c in sorted(codes):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def of_property(name):
    split = pre_tokenizers.Split(Regex(r"\p{%s}" % name), "removed", invert=True)
    return {ord(piece) for piece, _ in split.pre_tokenize_str(unassigned)}


utf8proc = ctypes.CDLL("libutf8proc.so.2")
utf8proc.utf8proc_category_string.restype = ctypes.c_char_p
FORMS = {"NFD": "utf8proc_NFD", "NFKC": "utf8proc_NFKC", "NFKD": "utf8proc_NFKD"}
for function in FORMS.values():
    getattr(utf8proc, function).restype = ctypes.c_char_p


def of_category(letter):
    return {ord(c) for c in everything if utf8proc.utf8proc_category_string(ord(c)).decode()[0] == letter}


def show(name, codes):
    line = "".join('{"%s", 0x%X, 0x%X}, ' % (name, a, b) for a, b in joined(codes))
    while len(line) > 118:
        cut = line.rindex("{", 0, 118)
        print(line[:cut].rstrip())
        line = line[cut:]
    if line:
        print(line.rstrip())


print("// Made by tools/make_unicode_newer.py: {name of a property, first, last code point} beyond Unicode 14, then the tables")
print("// that are older.")
for name in CATEGORIES + DERIVED:
    show(name, of_property(name))
kept = pre_tokenizers.Punctuation("removed").pre_tokenize_str(everything)
punctuation = set(map(ord, everything)) - {ord(c) for piece, _ in kept for c in piece} - set(range(128))
show("-P", of_category("P") - punctuation - set(range(128)))
show("+P", punctuation - of_category("P"))
marks = {ord(c) for c in everything if normalizers.StripAccents().normalize_str(c) == ""}
show("-M", of_category("M") - marks)
show("+M", marks - of_category("M"))
for form, function in FORMS.items():
    theirs = getattr(normalizers, form)()
    ours = getattr(utf8proc, function)
    differ = {ord(c) for c in everything[1:] if theirs.normalize_str(c) != ours(c.encode()).decode()}
    assert all(theirs.normalize_str(chr(c)) == chr(c) for c in differ), form
    show("=" + form, differ)
