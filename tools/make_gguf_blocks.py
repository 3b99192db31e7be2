"""Digests of dequantised blocks for src/formats/gguf_types_test.cc, by ggml's own Python package (PyPI gguf 0.19.0).

  python tools/make_gguf_blocks.py

Bytes come from SplitMix64, seeded with the type's id; every half that is a scale is then replaced by one of `SCALES`,
in turn: ordinary, subnormal, largest, infinite, not a number, either sign. NaNs are written as 0x7fc00000, whatever
their payload.
"""
import hashlib

import gguf
import numpy as np

BLOCKS = 1024
SCALES = [0x3C00, 0xB555, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x0000, 0x8000, 0x2E66, 0x7C00, 0xFC00, 0x7E00]
PLACES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "F16": [0], "BF16": []}


def split_mix(seed, words):
    out, mask = [], (1 << 64) - 1
    for _ in range(words):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        out.append(z ^ z >> 31)
    return np.array(out, dtype="<u8").view(np.uint8)


for name, places in PLACES.items():
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    data = split_mix(int(kind), (BLOCKS * size + 7) // 8)[: BLOCKS * size].reshape(BLOCKS, size).copy()
    turn = 0
    for block in data:
        for at in places:
            block[at : at + 2] = np.frombuffer(np.uint16(SCALES[turn % len(SCALES)]).tobytes(), np.uint8)
            turn += 1
    with np.errstate(all="ignore"):
        values = gguf.dequantize(data.reshape(-1), kind).astype(np.float32).reshape(-1)
    bits = values.view(np.uint32).copy()
    bits[np.isnan(values)] = 0x7FC00000
    print(f'{{{int(kind)}, "{name}", "{hashlib.sha256(bits.tobytes()).hexdigest()}"}},')

# What gguf.quantize makes of floats for Q8_0 and BF16: 32,768 bytes of SplitMix64 (seed 99) as 8-bit numbers x,
# (x - 128) / 64 each, every 32nd run of 32 zero and another a million times smaller.
raw = split_mix(99, 4096)
values = ((raw.astype(np.float32) - 128) / 64).reshape(-1, 32)
values[::32] = 0
values[1::32] *= np.float32(1e-6)
for name in ("Q8_0", "BF16", "F16"):
    kind = gguf.GGMLQuantizationType[name]
    data = values.astype(np.float16) if name == "F16" else gguf.quantize(values, kind)
    print(f'"{name}" written: {hashlib.sha256(data.tobytes()).hexdigest()}')
