#include "text/bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace r1 {
namespace {

// Random numbers that are the same everywhere.
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : state_(seed) {}
  size_t below(size_t n) { return (state_ = state_ * 1664525 + 1013904223) / 65536 % n; }

 private:
  uint32_t state_;
};

// Three letters and merges of what earlier merges made, in an order that often needs a late one first.
BpeModel random_model(Numbers& numbers) {
  BpeModel model;
  std::vector<std::string> tokens = {"a", "b", "c"};
  for (TokenId i = 0; i < 3; i++) model.vocabulary[tokens[static_cast<size_t>(i)]] = i;
  while (model.merges.size() < 40) {
    const std::string left = tokens[numbers.below(tokens.size())], right = tokens[numbers.below(tokens.size())];
    if (left.size() + right.size() > 12) continue;
    const std::pair<std::string, std::string> merge(left, right);
    if (std::find(model.merges.begin(), model.merges.end(), merge) != model.merges.end()) continue;
    const size_t place = numbers.below(model.merges.size() + 1);
    model.merges.insert(model.merges.begin() + static_cast<std::ptrdiff_t>(place), merge);
    if (model.vocabulary.emplace(left + right, static_cast<TokenId>(tokens.size())).second)
      tokens.push_back(left + right);
  }
  return model;
}

// The definition: the merge of the lowest rank anywhere, of equal ones the leftmost, until none applies.
std::vector<TokenId> merged_as_defined(const BpeModel& model, std::string_view text) {
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  for (size_t i = 0; i < model.merges.size(); i++) ranks[model.merges[i]] = i;
  std::vector<std::string> symbols;
  for (char c : text) symbols.emplace_back(1, c);
  for (;;) {
    size_t best = ranks.size(), place = 0;
    for (size_t i = 0; i + 1 < symbols.size(); i++) {
      const auto it = ranks.find({symbols[i], symbols[i + 1]});
      if (it != ranks.end() && it->second < best) best = it->second, place = i;
    }
    if (best == ranks.size()) break;
    symbols[place] += symbols[place + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
  std::vector<TokenId> ids;
  for (const std::string& symbol : symbols) ids.push_back(model.vocabulary.at(symbol));
  return ids;
}

TEST(Bpe, PiecesOfEveryLengthAreMergedAsDefined) {
  for (uint32_t seed = 0; seed < 4; seed++) {
    Numbers numbers(seed);
    const BpeModel model = random_model(numbers);
    const Bpe bpe(model, "test");
    for (const size_t size : {size_t{29}, size_t{31}, size_t{300}, size_t{1100}}) {
      std::string text;
      while (text.size() < size)
        text += numbers.below(8) == 0 ? std::string(20, 'a') : std::string(1, "abc"[numbers.below(3)]);
      std::vector<TokenId> ids;
      bpe.encode(text, *Bpe::Loan(bpe), ids);
      EXPECT_EQ(ids, merged_as_defined(model, text)) << seed << ", " << text;
    }
  }
}

}  // namespace
}  // namespace r1
