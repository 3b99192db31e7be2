#include "train/remote_teacher.h"

#include <algorithm>
#include <atomic>

#include "base/background.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "text/thinking.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostReplyBytes = size_t{256} << 20;

// Different for every place, the same on every machine; servers take 31 bits.
int64_t request_seed(uint64_t seed, int64_t index) {
  const uint64_t mixed = (seed * 1'000'003 + static_cast<uint64_t>(index)) * 0x9E3779B97F4A7C15u;
  return static_cast<int64_t>(mixed >> 34);
}

}  // namespace

void RemoteOptions::declare(OptionTable& t) {
  t.begin_group("models behind http:// and https://");
  t.add("api_key_variable", &api_key_variable, "environment variable that holds the server's key; unset: none is sent");
  t.add("api_timeout_seconds", &api_timeout_seconds, "of a request with all its tries");
  t.add("api_requests", &api_requests, "at once");
}

void RemoteOptions::check() const {
  if (!(api_timeout_seconds > 0 && api_timeout_seconds < 1e6))
    fail_usage("api_timeout_seconds is {}, expected more than 0", api_timeout_seconds);
  if (api_requests < 1 || api_requests > 256) fail_usage("api_requests is {}, expected 1 to 256", api_requests);
}

RemoteTeacher::RemoteTeacher(const std::string& address, const RemoteOptions& remote, const PromptOptions& prompts)
    : prompts_(prompts) {
  const OpenAiAddress at = parse_openai_address(address);
  remote.check();
  if (!prompts.chat_template.empty())
    fail_usage("chat_template with {}: the server has its own; prompt_template=none sends a text as it is", at.url);
  if (!prompts.thought_prefill.empty() && is_chat())
    fail_usage("thought_prefill with {}: a chat's answer cannot be begun for the server; prompt_template=none can",
               at.url);
  for (int64_t i = 0; i < remote.api_requests; i++)
    clients_.push_back(std::make_unique<OpenAiClient>(at, HttpLimits{.total_seconds = remote.api_timeout_seconds,
                                                                     .most_bytes = kMostReplyBytes,
                                                                     .token_variable = remote.api_key_variable}));
}

// As PromptBuilder::build, but that the server has the template.
TextRequest RemoteTeacher::request_of(const DataRow& row, const SamplingOptions& s, int64_t n, int64_t index) const {
  Json messages = row.messages;
  if (!messages.is_array())
    messages =
        Json::array({{{"role", "user"}, {"content", prompts_.prompt_prefix + row.prompt + prompts_.prompt_suffix}}});
  while (!messages.empty() && messages.back().value("role", "") == "assistant") messages.erase(messages.size() - 1);
  if (messages.empty()) fail("a row asks nothing: it has no prompt and no user's turn");
  TextRequest out{.n = n,
                  .max_tokens = s.max_new_tokens,
                  .seed = request_seed(s.seed, index),
                  .temperature = static_cast<double>(s.temperature),
                  .top_p = static_cast<double>(s.top_p)};
  if (is_chat()) {
    if (!prompts_.system_prompt.empty() && messages[0].value("role", "") != "system")
      messages.insert(messages.begin(), Json{{"role", "system"}, {"content", prompts_.system_prompt}});
    out.messages = std::move(messages);
    Json variables = prompts_.chat_template_variables();
    if (row.chat_template_kwargs.is_object()) variables.update(row.chat_template_kwargs);
    if (!variables.empty()) out.chat_template_kwargs = std::move(variables);
    return out;
  }
  if (messages.size() != 1 || !messages[0]["content"].is_string())
    fail("prompt_template={}: a prompt must be one user message", prompts_.prompt_template);
  const std::string question = messages[0]["content"].get<std::string>();
  out.prompt = (prompts_.prompt_template == "r1-zero" ? r1_zero_prompt(question) : question) + prompts_.thought_prefill;
  return out;
}

std::vector<std::vector<RemoteText>> RemoteTeacher::send(const std::vector<TextRequest>& requests) {
  std::vector<std::vector<RemoteText>> out(requests.size());
  std::atomic<size_t> next = 0;
  std::vector<std::unique_ptr<BackgroundQueue>> senders;
  for (const auto& client : clients_) {
    senders.push_back(std::make_unique<BackgroundQueue>(1));
    senders.back()->submit([&, asked = client.get()] {
      for (size_t i = next++; i < requests.size() && !interrupted(); i = next++) out[i] = asked->sample(requests[i]);
    });
  }
  std::exception_ptr error;
  for (const auto& sender : senders) {  // all of them end before what they write to goes
    try {
      sender->wait();
    } catch (...) {
      if (!error) error = std::current_exception();
      next = requests.size();
    }
  }
  if (error) std::rethrow_exception(error);
  return out;
}

RemoteItems RemoteTeacher::ask(const std::vector<DataRow>& rows, Reward& reward, const EvalOptions& o) {
  std::vector<TextRequest> requests;
  for (size_t i = 0; i < rows.size(); i++)
    requests.push_back(request_of(rows[i], o.sampling, o.samples, o.first_index + static_cast<int64_t>(i)));
  const std::vector<std::vector<RemoteText>> texts = send(requests);
  if (interrupted()) return {};
  RemoteItems out;
  std::vector<RewardInput> inputs;
  for (size_t i = 0; i < rows.size(); i++) {
    EvalItem item;
    item.row = i;
    item.prompt.text = requests[i].messages.is_null() ? requests[i].prompt : requests[i].messages.dump();
    item.prompt.prefilled = prompts_.thought_prefill;
    std::vector<int64_t> tokens;
    for (const RemoteText& text : texts[i]) {
      Completion c;
      c.text = text.text;
      c.finish = text.truncated ? FinishReason::length : FinishReason::stop;
      inputs.push_back({.prompt = item.prompt.text,
                        .completion = c.text,
                        .prefilled = item.prompt.prefilled,
                        .num_tokens = text.tokens,
                        .truncated = text.truncated,
                        .group = static_cast<int64_t>(i),
                        .row = rows[i].row});
      tokens.push_back(text.tokens);
      item.completions.push_back(std::move(c));
    }
    out.items.push_back(std::move(item));
    out.tokens.push_back(std::move(tokens));
  }
  std::vector<Verdict> verdicts = reward.judge(inputs);
  for (size_t i = 0, at = 0; i < rows.size(); i++)
    for (size_t s = 0; s < out.items[i].completions.size(); s++)
      out.items[i].verdicts.push_back(std::move(verdicts[at++]));
  return out;
}

std::vector<std::string> RemoteTeacher::answers(const std::vector<std::string>& questions,
                                                const SamplingOptions& sampling) {
  std::vector<TextRequest> requests;
  for (size_t i = 0; i < questions.size(); i++) {
    DataRow row;
    row.prompt = questions[i];
    requests.push_back(request_of(row, sampling, 1, static_cast<int64_t>(i)));
  }
  std::vector<std::string> out;
  for (std::vector<RemoteText>& texts : send(requests)) out.push_back(texts.empty() ? "" : std::move(texts[0].text));
  return out;
}

}  // namespace r1
