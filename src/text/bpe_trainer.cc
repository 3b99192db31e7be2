#include "text/bpe_trainer.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"
#include "text/added_tokens.h"
#include "text/byte_alphabet.h"
#include "text/pre_tokenizer.h"
#include "text/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kMostIds = 1 << 22;

std::vector<std::string> checked_added(const BpeTrainerOptions& o) {
  std::vector<std::string> all = o.special_tokens;
  all.insert(all.end(), o.added_tokens.begin(), o.added_tokens.end());
  std::set<std::string> seen;
  for (const std::string& token : all) {
    if (token.empty() || to_valid_utf8(token) != token)
      fail("train_bpe: an added token is empty or not valid UTF-8: \"{}\"", to_valid_utf8(token));
    if (!seen.insert(token).second) fail("train_bpe: added token \"{}\" is given twice", token);
  }
  const int least = 256 + static_cast<int>(all.size());
  if (o.vocabulary_size < least || o.vocabulary_size > kMostIds)
    fail("train_bpe: vocabulary_size is {}, expected {} (256 bytes and {} added tokens) to {}", o.vocabulary_size,
         least, all.size(), kMostIds);
  if (o.min_frequency < 1) fail("train_bpe: min_frequency is {}, expected 1 or more", o.min_frequency);
  return all;
}

Json pre_tokenizer_json(const std::string& pattern) {
  return {{"type", "Sequence"},
          {"pretokenizers",
           {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
            {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}}}}};
}

// Words and how often they occur, in an order that the texts' order has no part in.
std::map<std::string, int64_t> count_words(std::span<const std::string> texts, const std::vector<std::string>& added,
                                           const std::string& pattern) {
  const auto pre = PreTokenizer::from_json(nlohmann::json(pre_tokenizer_json(pattern)), "train_bpe", {});
  std::vector<AddedToken> list;
  for (const std::string& content : added) {
    AddedToken token;
    token.id = 0;
    token.content = content;
    list.push_back(std::move(token));
  }
  const AddedTokens tokens(std::move(list));
  std::unordered_map<std::string, int64_t> counts;
  for (const std::string& text : texts) {
    const std::string valid = to_valid_utf8(text);
    for (const AddedSpan& span : tokens.find(valid, false, true)) {
      if (span.id >= 0) continue;
      Pieces pieces(std::string_view(valid).substr(span.begin, span.end - span.begin), false);
      pre->cut(pieces);
      for (size_t i = 0; i < pieces.size(); i++) counts[std::string(pieces[i])]++;
    }
  }
  return {counts.begin(), counts.end()};
}

// Pairs of neighbours and their counts, kept up to date while words are merged.
class Merger {
 public:
  using Pair = std::pair<int, int>;

  Merger(const std::map<std::string, int64_t>& counts, const std::vector<int>& symbol_of_byte) {
    for (const auto& [text, count] : counts) {
      Word word{{}, count};
      for (char c : text) word.symbols.push_back(symbol_of_byte[static_cast<unsigned char>(c)]);
      words_.push_back(std::move(word));
    }
    std::vector<Pair> touched;
    for (size_t w = 0; w < words_.size(); w++) count_pairs(w, 1, touched);
    offer(touched);
  }

  // The most frequent pair (ties: the lowest) seen at least `least` times; false when there is none.
  bool most_frequent(int64_t least, Pair& out) {
    while (!queue_.empty()) {
      const Candidate top = queue_.top();
      queue_.pop();
      const int64_t now = pairs_[top.pair].count;
      if (now < least) continue;
      if (now != top.count) {  // stale: counts only fall behind an entry's back, a rise is offered anew
        if (now < top.count) queue_.push({now, top.pair});
        continue;
      }
      out = top.pair;
      return true;
    }
    return false;
  }

  void merge(Pair pair, int result) {
    std::vector<size_t> where = std::move(pairs_[pair].words);
    std::sort(where.begin(), where.end());
    where.erase(std::unique(where.begin(), where.end()), where.end());
    std::vector<Pair> touched;
    for (size_t w : where) {
      count_pairs(w, -1, touched);
      std::vector<int>& symbols = words_[w].symbols;
      size_t to = 0;
      for (size_t from = 0; from < symbols.size(); to++) {
        const bool here = from + 1 < symbols.size() && symbols[from] == pair.first && symbols[from + 1] == pair.second;
        symbols[to] = here ? result : symbols[from];
        from += here ? 2 : 1;
      }
      symbols.resize(to);
      count_pairs(w, 1, touched);
    }
    offer(touched);
  }

 private:
  struct Word {
    std::vector<int> symbols;
    int64_t count;
  };
  struct PairHash {
    size_t operator()(const Pair& p) const {
      return std::hash<uint64_t>()(static_cast<uint64_t>(p.first) << 32 | static_cast<uint32_t>(p.second));
    }
  };
  struct PairState {
    int64_t count = 0;
    std::vector<size_t> words;  // where it occurs or did; may name a word twice
  };
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& o) const { return count < o.count || (count == o.count && pair > o.pair); }
  };

  void count_pairs(size_t w, int sign, std::vector<Pair>& touched) {
    const Word& word = words_[w];
    for (size_t i = 0; i + 1 < word.symbols.size(); i++) {
      const Pair pair(word.symbols[i], word.symbols[i + 1]);
      PairState& state = pairs_[pair];
      state.count += sign * word.count;
      if (sign < 0) continue;
      if (state.words.empty() || state.words.back() != w) state.words.push_back(w);
      touched.push_back(pair);
    }
  }
  void offer(std::vector<Pair>& touched) {
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    for (const Pair& pair : touched) queue_.push({pairs_[pair].count, pair});
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, PairState, PairHash> pairs_;
  std::priority_queue<Candidate> queue_;
};

Json added_json(const std::vector<std::string>& added, size_t num_special, size_t first_id) {
  Json out = Json::array();
  for (size_t i = 0; i < added.size(); i++)
    out.push_back({{"id", first_id + i},
                   {"content", added[i]},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", i < num_special}});
  return out;
}

}  // namespace

std::string train_bpe(std::span<const std::string> texts, const BpeTrainerOptions& options) {
  const std::vector<std::string> added = checked_added(options);
  const ByteAlphabet alphabet;
  std::vector<std::string> spelled = options.added_first ? added : std::vector<std::string>();
  std::unordered_map<std::string, int> ids;
  std::vector<int> bytes(256), symbol_of_byte(256);
  for (int b = 0; b < 256; b++) bytes[static_cast<size_t>(b)] = b;
  std::sort(bytes.begin(), bytes.end(), [&](int a, int b) {
    return alphabet.code_point(static_cast<uint8_t>(a)) < alphabet.code_point(static_cast<uint8_t>(b));
  });
  const std::set<std::string> reserved(added.begin(), added.end());
  const auto id_of = [&](const std::string& token) {
    if (reserved.contains(token))
      fail("train_bpe: added token \"{}\" reads like the spelling of bytes that the vocabulary needs", token);
    const auto [it, is_new] = ids.emplace(token, static_cast<int>(spelled.size()));
    if (is_new) spelled.push_back(token);
    return it->second;
  };
  for (int b : bytes) symbol_of_byte[static_cast<size_t>(b)] = id_of(alphabet.encode(std::string(1, char(b))));

  Merger merger(count_words(texts, added, options.pattern), symbol_of_byte);
  const size_t most = static_cast<size_t>(options.vocabulary_size) - (options.added_first ? 0 : added.size());
  Json merges = Json::array();
  for (Merger::Pair pair; spelled.size() < most && merger.most_frequent(options.min_frequency, pair);) {
    const std::string a = spelled[static_cast<size_t>(pair.first)], b = spelled[static_cast<size_t>(pair.second)];
    merges.push_back(a + " " + b);
    merger.merge(pair, id_of(a + b));
  }

  Json vocab = Json::object();
  auto& entries = vocab.get_ref<Json::object_t&>();
  for (size_t i = 0; i < spelled.size(); i++) entries.push_back({spelled[i], i});  // operator[] looks up from the start
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  const Json out = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added_json(added, options.special_tokens.size(), options.added_first ? 0 : spelled.size())},
      {"normalizer", nullptr},
      {"pre_tokenizer", pre_tokenizer_json(options.pattern)},
      {"post_processor", byte_level},
      {"decoder", byte_level},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", false},
        {"vocab", std::move(vocab)},
        {"merges", std::move(merges)}}}};
  return out.dump(1) + "\n";
}

}  // namespace r1
