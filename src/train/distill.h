// Distillation (r1.md 4): a student learns from a teacher,
//   sft        from texts the teacher wrote (a file of them, or sampled first), as R1's small models did
//   on_policy  from its own texts, whose every token the teacher judges:
//              A_t = log pi_teacher(o_t) - log pi_student(o_t), GRPO's clipped loss with these advantages, which lowers
//              the reverse KL E[log pi_student - log pi_teacher]
// The student is a model, or a new one of a given shape with the teacher's tokenizer.
#pragma once

#include <optional>
#include <string>

#include "base/options.h"
#include "model/config.h"
#include "train/grpo.h"
#include "train/memory_plan.h"
#include "train/options.h"
#include "train/remote_teacher.h"

namespace r1 {

// Sizes that differ from the configuration the student is made from; 0: as it is there.
struct StudentShape {
  std::string config;  // folder or config.json it is made from; empty: the teacher's
  int64_t layers = 0, hidden = 0, intermediate = 0, heads = 0, kv_heads = 0, head_dim = 0;
  void declare(OptionTable& table);
  bool given() const;
};

struct DistillOptions : GrpoOptions {
  DistillOptions();
  std::string distill_method = "sft";
  std::string teacher;     // a model as of --model; sft: or an address of an OpenAI-compatible server
  RemoteOptions remote;    // of such an address
  StudentShape student;    // given: `model` may be left out, and the student begins with random weights
  double reward_coef = 0;  // on_policy: times the rewards' own advantages, added to the teacher's
  // sft
  std::string traces;  // rows the teacher wrote; empty: the teacher is asked first, into OUT/traces
  int64_t max_length = 1024;
  int64_t traces_per_prompt = 4;       // samples kept, where the teacher is asked
  std::string traces_reward = "auto";  // what they have to pass; none: nothing
  void declare(OptionTable& table);
  void check() const;

 private:
  void check_remote() const;
};

struct DistillRun {
  DistillOptions options;
  KeyValues recipe;
  std::string recipe_toml;
  bool resume = false;
};

// What an on-policy teacher takes of the memory: its weights, and scoring what the student wrote.
MemoryNeeds teacher_needs(const DistillOptions& options, const ModelConfig& teacher, size_t program);

// Trains, writing options.out as SFT and GRPO do; a new student's beginning is OUT/student. Returns false when it was
// interrupted (and saved).
bool run_distill(const DistillRun& run);

}  // namespace r1
