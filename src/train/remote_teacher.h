// A teacher behind an OpenAI-compatible server: it is asked the same rows as a model here, and what it writes is judged
// by the same rewards.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/openai_client.h"
#include "train/evaluate.h"

namespace r1 {

// Keys of stages that may ask one.
struct RemoteOptions {
  std::string api_key_variable = "OPENAI_API_KEY";
  double api_timeout_seconds = 600;  // of a request with all its tries
  int64_t api_requests = 4;          // at once
  void declare(OptionTable& table);
  void check() const;
};

struct RemoteItems {
  std::vector<EvalItem> items;               // completions are texts; they have no ids
  std::vector<std::vector<int64_t>> tokens;  // of each completion, as the server counts
};

class RemoteTeacher {
 public:
  // Throws r1::UsageError for an address that is none, and for prompts that such a server cannot be given: a chat's
  // answer cannot be begun for it (thought_prefill), nor its template replaced (chat_template).
  RemoteTeacher(const std::string& address, const RemoteOptions& remote, const PromptOptions& prompts);

  // Every row `options.samples` times, judged; empty when the process was interrupted. The seed of a row's request is
  // options' and its place's. A row that was not answered after all tries is an r1::Error.
  RemoteItems ask(const std::vector<DataRow>& rows, Reward& reward, const EvalOptions& options);
  // One answer to each of these questions.
  std::vector<std::string> answers(const std::vector<std::string>& questions, const SamplingOptions& sampling);

 private:
  TextRequest request_of(const DataRow& row, const SamplingOptions& sampling, int64_t n, int64_t index) const;
  // Nothing for requests that came after an interrupt.
  std::vector<std::vector<RemoteText>> send(const std::vector<TextRequest>& requests);
  bool is_chat() const { return prompts_.prompt_template == "auto" || prompts_.prompt_template == "chat"; }

  const PromptOptions prompts_;
  std::vector<std::unique_ptr<OpenAiClient>> clients_;  // one a request under way
};

}  // namespace r1
