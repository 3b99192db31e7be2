// Reward functions that people wrote for other trainers, unchanged: called in their own Python, in a process of their
// own (functions/worker.py, part of this program; worker_reward.h says what becomes of their faults).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reward/worker_reward.h"

namespace r1 {

// FILE.py may be a module that the interpreter can import instead.
//
//   trl:FILE.py:FUNCTION          TRL's: f(prompts, completions, completion_ids, trainer_state, log_extra, log_metric,
//                                 **columns), sync or async, a list of numbers or None. One call for all samples that
//                                 are judged together, prompt by prompt. Rows whose prompt (or completion) is a list of
//                                 messages are conversational: prompts and completions are lists of messages then.
//   verl:FILE.py[:FUNCTION]       verl's: compute_score(data_source, solution_str, ground_truth, extra_info), sync or
//                                 async, a number or a dict with "score" ("acc" says whether it is right, "pred" is the
//                                 answer). The truth is the row's reward_model.ground_truth, ground_truth or answer.
//   openrlhf:FILE.py[:FUNCTION]   OpenRLHF's: reward_func(queries, prompts, labels), lists of one; a query is the
//                                 prompt's text and the completion's. A number, list or tensor, or a dict with
//                                 "rewards", "scores", "extra_logs". The label is the row's label or answer.
//   rg:TASK                       reasoning-gym's score_answer for rows of rg:TASK (question, answer, metadata); 1 is
//                                 correct, no <answer> tags is no_answer
//
// ?key=value&.. behind any of them: keyword arguments of verl's and OpenRLHF's functions, of the data set's
// configuration for rg; a value is JSON where it reads as JSON, else a text.
//
// None and NaN leave a sample out. Whatever else is no finite number is `failed`. A result above 0 is correct where the
// function does not say itself what is right. Numbers that functions log are parts of the verdict.
bool is_function_spec(const std::string& spec);

// Starts the interpreter. Throws r1::UsageError for a file or function that is not there, r1::Error with the traceback
// for one that cannot be loaded.
std::unique_ptr<Reward> make_function_reward(const std::string& spec, const RewardOptions& options);

// The items of a reasoning-gym data set: {"question","answer","metadata"}. `spec`: "rg:TASK?size=100&seed=1&..";
// without a size or a seed those given here count. Throws as above.
std::vector<nlohmann::ordered_json> reasoning_gym_items(const std::string& spec, int64_t size, uint64_t seed,
                                                        const RewardOptions& options);

// "name" and what follows the '?', of any spec.
nlohmann::ordered_json query_arguments(const std::string& spec, std::string& head);

// The completion as TRL would hand it over: a text, or a list of messages when the row is conversational.
bool is_conversational(const RewardInput& input);

}  // namespace r1
