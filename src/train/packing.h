// Sequences packed into micro-batches without padding. A group's prompt is in a micro-batch once, its samples hang on
// it; the last token of a sequence is never an input, and rows behind the last learned token are left out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/batch.h"
#include "text/tokenizer.h"

namespace r1 {

struct TrainSample {
  std::vector<TokenId> ids;
  std::vector<uint8_t> learn;  // a flag an id; empty: learn all
  int64_t tag = 0;             // the caller's name for it
};

// Samples that share a prompt; without a prompt (SFT) the first token of a sample cannot be learned.
struct TrainGroup {
  std::vector<TokenId> prompt;
  std::vector<TrainSample> samples;
};

// A learned token: which sample's, and its place in the sample's ids.
struct LearnedToken {
  int64_t tag;
  int32_t place;
};

struct MicroBatch {
  Batch batch;
  std::vector<int64_t> selected;  // batch row whose hidden state predicts the token
  std::vector<int32_t> targets;
  std::vector<LearnedToken> tokens;
  int32_t num_pages = 0;
  // storage that the batch's runs borrow
  std::vector<std::vector<int32_t>> pages;
};

// Cuts groups into micro-batches of at most max_rows rows, in order; a group that does not fit is cut between samples,
// a single sample longer than max_rows stands alone.
std::vector<MicroBatch> pack(std::span<const TrainGroup> groups, int64_t max_rows);

}  // namespace r1
