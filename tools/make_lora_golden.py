#!/usr/bin/env python3
"""What PEFT computes for LoRA adapters on the tiny golden models.

    make_lora_golden.py tests/golden/models tests/golden/lora     writes tests/golden/lora
    make_lora_golden.py --check FOLDER LINES                      compares a PEFT folder that r1 wrote

The second form loads FOLDER with PEFT (its base by base_model_name_or_path) and compares log-probs with LINES, the ids
and output of `r1 logprobs --model FOLDER --set compute_dtype=f32`, a JSON object {"ids", "logprobs"} a line.
Needs torch, transformers, peft and safetensors; r1 itself needs none of them.
"""
import json
import os
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = {
    "qwen2-all": dict(base="qwen2", r=4, lora_alpha=8, target_modules=ALL),
    "qwen3-some": dict(base="qwen3", r=3, lora_alpha=7, use_rslora=True, target_modules=["v_proj", "q_proj", "down_proj"]),
}
STEPS = 5


def logprobs(model, ids, live):
    logits = model(input_ids=ids, attention_mask=live).logits.float()
    logp = torch.log_softmax(logits[:, :-1], -1)
    return torch.gather(logp, 2, ids[:, 1:, None])[..., 0] * live[:, 1:]  # [rows, columns - 1], 0 where not live


def loss_of(model, batch):
    learn = batch["learn"][:, 1:].float()
    return -(logprobs(model, batch["ids"], batch["live"]) * learn).sum() / learn.sum()


def batch_of(tensors, prefix=""):
    return {k: tensors[prefix + k].long() for k in ("ids", "live", "learn")}


def adapter_parameters(model):
    return {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}


def make(models, out, name, base, **lora):
    torch.manual_seed(20)
    path = os.path.join(models, base)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **lora))
    parameters = adapter_parameters(model)
    for n, p in parameters.items():
        if "lora_B" in n:
            torch.nn.init.normal_(p, std=0.2)  # zero otherwise: the adapter would do nothing
    folder = os.path.join(out, name)
    model.peft_config["default"].base_model_name_or_path = f"../../models/{base}"
    model.save_pretrained(folder)
    for card in ("README.md",):
        if os.path.exists(os.path.join(folder, card)):
            os.remove(os.path.join(folder, card))

    golden = {}
    batch = batch_of(load_file(os.path.join(path, "forward_backward.safetensors")))
    with torch.no_grad():
        golden["logprobs"] = logprobs(model, batch["ids"], batch["live"])
        with model.disable_adapter():
            golden["base_logprobs"] = logprobs(model, batch["ids"], batch["live"])
    loss = loss_of(model, batch)
    loss.backward()
    golden["loss"] = loss.detach()[None]
    for n, p in parameters.items():
        golden["grad." + n] = p.grad.clone()
        p.grad = None

    optimiser = torch.optim.AdamW(parameters.values(), lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    sft = load_file(os.path.join(path, "sft.safetensors"))
    losses, norms = [], []
    for t in range(STEPS):
        loss = loss_of(model, batch_of(sft, f"{t}."))
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)))
        losses.append(float(loss.detach()))
        optimiser.step()
        optimiser.zero_grad()
    golden["sft.loss"], golden["sft.norm"] = torch.tensor(losses), torch.tensor(norms)
    for n, p in parameters.items():
        golden["final." + n] = p.detach().clone()

    fresh = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    merged = PeftModel.from_pretrained(fresh, folder).merge_and_unload()
    for n, p in merged.named_parameters():
        if n in ("model.layers.0.self_attn.v_proj.weight", "model.layers.1.mlp.down_proj.weight",
                 "model.layers.1.mlp.up_proj.weight"):
            golden["merged." + n] = p.detach().clone()
    save_file({k: v.contiguous() for k, v in golden.items()}, os.path.join(folder, "golden.safetensors"))
    print(name, "loss", float(golden["loss"]), "steps", losses)


def check(folder, lines):
    base = json.load(open(os.path.join(folder, "adapter_config.json")))["base_model_name_or_path"]
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), folder)
    worst = 0
    for line in open(lines):
        row = json.loads(line)
        ids = torch.tensor([row["ids"]])
        with torch.no_grad():
            want = logprobs(model, ids, torch.ones_like(ids))[0]
        gap = (torch.tensor(row["logprobs"]) - want).abs() / (1 + want.abs())
        worst = max(worst, float(gap.max()))
    print(f"{folder}: largest |a - b| / (1 + |b|) of the log-probs is {worst:.2e}, at most 2e-4")
    return worst <= 2e-4


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        sys.exit(0 if check(sys.argv[2], sys.argv[3]) else 1)
    for name, case in CASES.items():
        make(sys.argv[1], sys.argv[2], name, **dict(case))
