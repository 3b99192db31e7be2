// Rewards for how a completion is written, whatever its answer: lengths, repetition, tags. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace r1 {

// DAPO's soft overlong punishment (Yu et al. 2025, arXiv 2503.14476, eq. 13), L tokens:
//   0                              L <= L_max - L_cache
//   ((L_max - L_cache) - L) / L_cache      up to L_max
//   -1                             beyond
double soft_overlong_punishment(int64_t length, int64_t longest, int64_t cache);

// Cosine-scaled reward (Yeo et al. 2025, "Demystifying long chain-of-thought reasoning", arXiv 2502.03373; open-r1's
// and TRL's get_cosine_scaled_reward): with t = min(L, L_max) / L_max,
//   r = r_end + (r_begin - r_end) (1 + cos(pi t)) / 2
// begin and end: of correct answers max_correct and min_correct (short is best), of others min_wrong and max_wrong (a
// wrong answer costs less the longer it was tried).
struct CosineScale {
  double min_wrong = -1, max_wrong = -0.5, min_correct = 0.5, max_correct = 1;
};
double cosine_reward(bool correct, int64_t length, int64_t longest, const CosineScale& scale);

// Kimi k1.5's length reward (arXiv 2501.12599, section 2.3.3) over the samples of one prompt:
//   lambda = 0.5 - (L - min L) / (max L - min L);  correct: lambda, else: min(0, lambda);  all 0 when all are as long.
std::vector<double> kimi_length_rewards(std::span<const int64_t> lengths, const std::vector<bool>& correct);

// Repetition penalty (Yeo et al. 2025, section 5; open-r1's get_repetition_penalty_reward): n-grams of words in small
// letters, words being what white space divides:
//   r = max_penalty (1 - distinct n-grams / n-grams);  0 for fewer than n words
double repetition_penalty(std::string_view text, int64_t n, double max_penalty);

// Tag count (open-r1's tag_count_reward): 0.25 for each of <think>, </think>, <answer>, </answer> that stands exactly
// once. (open-r1 wants line breaks around them; here they may be absent.)
double tag_count(std::string_view text);

// R1's filters of sampled chains of thought (DeepSeek-R1, section 2.3.3: "mixed languages, long paragraphs, and code
// blocks" are dropped). Empty when the text passes, else what is wrong with it. The paper gives no numbers.
struct FilterLimits {
  int64_t longest_paragraph = 2000;  // characters between empty lines
  double language_share = 0.9;       // of words in the target language
};
const char* filtered_for(std::string_view thought, double language_share, const FilterLimits& limits);

// Words, for lengths where no tokens are known: what white space divides; a Han character or a kana is a word each.
int64_t count_words(std::string_view text);

}  // namespace r1
