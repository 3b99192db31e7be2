// A language model behind an OpenAI-compatible server as a verifier (r1.md 3.3): it sees the question, the reference
// and the answer, and says whether they agree.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "reward/reward.h"

namespace r1 {

// `address`: http(s)://HOST/PATH#MODEL. Score 1 and correct, or 0 and wrong, by the judge's verdict; an answer that
// says nothing is no_answer and is not asked about. `failed`, never 0: a row without a reference, no reply within
// `timeout_seconds` and all tries, a reply that is not exactly the JSON object asked for. The key is read from the
// environment variable OPENAI_API_KEY.
//
// Throws r1::UsageError for an address that is none. judge() throws nothing and is for one thread at a time.
std::unique_ptr<Reward> make_judge_reward(const std::string& address, double timeout_seconds);

// What the judge is asked; of the completion only what stands behind the thought, at most 16 KB of it.
std::string judge_prompt(std::string_view question, std::string_view reference, std::string_view answer);

// True: correct. Throws r1::Error for anything but {"analysis": TEXT, "verdict": "correct" or "incorrect"}, behind a
// thought or in a fence of code at most.
bool read_judgement(std::string_view reply);

}  // namespace r1
