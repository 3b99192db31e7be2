// Rejection sampling and distillation on tiny models: what is kept, going on after a kill, new students, and a KL that
// falls.
#include "train/distill.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/threads.h"
#include "train/rejection.h"
#include "train/tiny_run.h"
#include "train/trace_filters.h"
#include "train/trace_rows.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

TEST(TraceFilters, EachSaysWhatIsWrongAndOnlyWhenAsked) {
  const std::string good = "<think>First we add one and one.</think> The answer is 2.";
  const std::string all = "language,paragraphs,code,repetition,summary";
  const auto why = [](const std::string& text, const std::string& filters, const std::string& language = "en") {
    TraceFilters f = parse_filters(filters);
    f.limits.longest_paragraph = 120;
    return dropped_for(text, "", language, f);
  };
  EXPECT_EQ(why(good, all), "");
  struct Case {
    std::string text, filter, reason;
  };
  std::string repeated, paragraph;
  for (int i = 0; i < 9; i++) repeated += "we try this once more ";
  for (int i = 0; i < 40; i++) paragraph += "word" + std::string(1, static_cast<char>('a' + i % 26)) + " ";
  for (const Case& c : {Case{"<think>Wir nehmen die Zahl und das ist nicht die Antwort.</think> The answer is 2.",
                             "language", "mixed_language"},
                        Case{"<think>" + paragraph + "</think> The answer is 2.", "paragraphs", "long_paragraph"},
                        Case{"<think>See:\n```\nx = 1\n```\nso it is.</think> The answer is 2.", "code", "code_block"},
                        Case{"<think>" + repeated + "</think> The answer is 2.", "repetition", "repetition"},
                        Case{"<think>First we add one and one.</think>\n", "summary", "no_summary"},
                        Case{"First we add one and one, so the answer is 2.", "summary", "no_summary"}}) {
    EXPECT_EQ(why(c.text, c.filter), c.reason) << c.text;
    EXPECT_EQ(why(c.text, "none"), "") << c.text;
  }
  EXPECT_EQ(why(good, "language", "de"), "mixed_language") << "of another language than the question";
  EXPECT_NE(error_of([] { parse_filters("langage"); }).find("nearest is \"language\""), std::string::npos);
}

TEST(TraceFilters, Templates) {
  EXPECT_EQ(answer_sentence("en", "4"), "The answer is 4.");
  EXPECT_EQ(answer_sentence("de", "4"), "Die Antwort ist 4.");
  EXPECT_EQ(filled_in("{a} {b} {c} {a}", {{"a", "{b}"}, {"b", "x"}}), "{b} x {c} {b}");
}

TEST(TraceRows, DuplicatesGoValuesAreBalancedAndOrderStays) {
  std::vector<DataRow> rows(4);
  for (size_t i = 0; i < 4; i++) {
    rows[i].prompt = "q" + std::to_string(i);
    rows[i].row = {{"task", i < 3 ? "sums" : "words"}};
  }
  std::vector<TraceRow> traces;
  for (const auto& [row, text] :
       std::vector<std::pair<size_t, std::string>>{{0, "a"}, {0, " a "}, {1, "a"}, {2, "b"}, {3, "c"}, {3, "d"}})
    traces.push_back({.row = &rows[row], .completion = text, .language = "en", .meta = {{"row", row}}});
  EXPECT_EQ(select_traces(traces, {}).size(), 5u) << "the same text answers two questions, but one of them once";
  const auto balanced = select_traces(traces, {.balance_by = "task", .max_rows = 0});
  ASSERT_EQ(balanced.size(), 4u);
  EXPECT_EQ(balanced[2].row, &rows[3]);
  EXPECT_EQ(balanced[3].row, &rows[3]);
  EXPECT_EQ(select_traces(traces, {.balance_by = {}, .max_rows = 2}).size(), 2u);
  EXPECT_THROW(select_traces(traces, {.balance_by = "colour", .max_rows = 0}), UsageError);
  DataRow general;
  general.messages = {{{"role", "user"}, {"content", "hi"}}, {{"role", "assistant"}, {"content", "hello"}}};
  EXPECT_EQ(rows_for_sft({traces[0]}, {general}),
            "{\"prompt\":\"q0\",\"completion\":\"a\",\"task\":\"sums\",\"meta\":{\"row\":0}}\n"
            "{\"prompt\":\"hi\",\"completion\":\"hello\",\"meta\":{\"general\":true}}\n");
  general.messages.insert(general.messages.begin(), Json{{"role", "system"}, {"content", "s"}});
  EXPECT_TRUE(rows_for_sft({traces[0]}, {general}).starts_with("{\"messages\":[{\"role\":\"user\""))
      << "one shape for all";
  general.row = {{"tools", {{{"name", "add"}}}}, {"chat_template_kwargs", {{"enable_thinking", false}}}, {"id", 7}};
  EXPECT_NE(rows_for_sft({}, {general})
                .find(R"("tools":[{"name":"add"}],"chat_template_kwargs":{"enable_thinking":false},"meta")"),
            std::string::npos)
      << "what the chat template needs goes with the row";
}

class Stages : public ::testing::Test {
 protected:
  Stages() : model_(write_tiny_model(temporary_ / "tiny")) {}

  std::string at(const std::string& name) const { return (temporary_ / name).string(); }
  KeyValues common(const std::string& out) const {
    return {{"out", at(out)},
            {"data", "tasks:arithmetic"},
            {"task_rows", "10"},
            {"task_digits", "1"},
            {"threads", "1"},
            {"compute_dtype", "f32"},
            {"max_active", "16"},
            {"num_generations", "4"},
            {"max_completion_length", "24"}};
  }
  KeyValues reject(const std::string& out) const {
    return common(out) + KeyValues{{"model", model_}, {"reward", "none"}, {"filters", "none"}, {"batch_prompts", "3"}};
  }
  bool run_reject_with(const KeyValues& values, bool resume = false) {
    return run_reject(make_run<RejectRun>(values, resume));
  }
  KeyValues distill(const std::string& out) const {
    return common(out) + KeyValues{{"teacher", model_},
                                   {"learning_rate", "5e-3"},
                                   {"per_device_train_batch_size", "16"},
                                   {"micro_batch_tokens", "512"},
                                   {"save_steps", "0"},
                                   {"save_dtype", "f32"},
                                   {"lr_scheduler_type", "constant"}};
  }
  bool run_distill_with(const KeyValues& values, bool resume = false) {
    return run_distill(make_run<DistillRun>(values, resume));
  }

  TempFolder temporary_;
  std::string model_;
};

TEST_F(Stages, SamplesBecomeRowsAndAKilledRunEndsWithTheSameBytes) {
  ASSERT_TRUE(run_reject_with(reject("whole")));
  const Json summary = Json::parse(bytes_of(temporary_ / "whole" / "summary.json"));
  EXPECT_EQ(summary["prompts"], 10);
  EXPECT_EQ(summary["samples"], 40);
  int64_t sum = summary["kept"].get<int64_t>();
  for (const auto& [reason, n] : summary["reasons"].items()) sum += n.get<int64_t>();
  EXPECT_EQ(sum, 40) << "every sample is accounted for";
  EXPECT_FALSE(summary["reasons"].empty());
  const auto rows = json_lines(temporary_ / "whole" / "accepted.jsonl");
  ASSERT_GT(rows.size(), 5u);
  EXPECT_EQ(rows.size(), summary["rows"]);
  for (const Json& row : rows) EXPECT_TRUE(row["prompt"].is_string() && row["completion"].is_string());
  for (const char* name : {"accepted.jsonl", "rejected.jsonl", "summary.json"}) {
    // as a kill leaves it: five prompts are there, the sixth is half written
    fs::create_directories(temporary_ / "cut");
    std::string progress = bytes_of(temporary_ / "whole" / "progress.jsonl");
    size_t end = 0;
    for (int i = 0; i < 6; i++) end = progress.find('\n', end) + 1;
    write_bytes(temporary_ / "cut" / "progress.jsonl", progress.substr(0, end + 20));
    write_bytes(temporary_ / "cut" / "recipe.toml", bytes_of(temporary_ / "whole" / "recipe.toml"));
    ASSERT_TRUE(run_reject_with(reject("cut") + KeyValues{{"batch_prompts", "2"}}, true));
    EXPECT_EQ(bytes_of(temporary_ / "cut" / name), bytes_of(temporary_ / "whole" / name)) << name;
  }
  EXPECT_NE(error_of([&] { run_reject_with(reject("cut") + KeyValues{{"seed", "1"}}, true); }).find("seed"),
            std::string::npos);
  ASSERT_TRUE(run_reject_with(reject("one") + KeyValues{{"keep_per_prompt", "1"}, {"keep_order", "shortest"}}));
  EXPECT_LE(json_lines(temporary_ / "one" / "accepted.jsonl").size(), 10u);
  ASSERT_TRUE(run_reject_with(reject("wrong") + KeyValues{{"reward", "auto"}}));
  EXPECT_EQ(json_lines(temporary_ / "wrong" / "accepted.jsonl").size(),
            Json::parse(bytes_of(temporary_ / "wrong" / "summary.json"))["kept"]);
}

TEST_F(Stages, ANewStudentLearnsWhatTheTeacherWrote) {
  std::ofstream traces(temporary_ / "traces.jsonl");
  for (int i = 0; i < 8; i++)
    traces << Json({{"prompt", "What is " + std::to_string(i) + " + 1?"},
                    {"completion", "<think>one more</think> <answer>" + std::to_string(i + 1) + "</answer>"}})
                  .dump()
           << "\n";
  traces.close();
  const KeyValues shape = {{"student_layers", "1"},   {"student_hidden", "8"},   {"student_heads", "2"},
                           {"student_kv_heads", "1"}, {"student_head_dim", "4"}, {"student_intermediate", "12"}};
  ASSERT_TRUE(
      run_distill_with(distill("new") + shape +
                       KeyValues{{"traces", at("traces.jsonl")}, {"max_steps", "15"}, {"learning_rate", "3e-2"}}));
  const auto lines = json_lines(temporary_ / "new" / "metrics.jsonl");
  EXPECT_LT(lines.back()["loss"], 0.8 * lines.front()["loss"].get<double>());
  const ModelFiles student = open_model_files(at("new/model"));
  EXPECT_EQ(student.config["num_hidden_layers"], 1);
  EXPECT_EQ(student.config["hidden_size"], 8);
  EXPECT_EQ(student.tokenizer_json, open_model_files(model_).tokenizer_json);
  // without a file of traces the teacher is asked
  ASSERT_TRUE(run_distill_with(distill("asked") + shape + KeyValues{{"traces_reward", "none"}, {"max_steps", "1"}}));
  EXPECT_GT(json_lines(temporary_ / "asked" / "traces" / "accepted.jsonl").size(), 5u);
}

TEST_F(Stages, OnPolicyTheReverseKlToTheTeacherFalls) {
  const std::string student = write_tiny_model(temporary_ / "student", 8);
  KeyValues run = distill("kl") + KeyValues{{"model", student}, {"distill_method", "on_policy"}, {"max_steps", "25"}};
  ASSERT_TRUE(run_distill_with(run));
  std::vector<double> kl;
  for (const Json& line : json_lines(temporary_ / "kl" / "metrics.jsonl")) {
    kl.push_back(line["distill/reverse_kl"]);
    EXPECT_EQ(line["sampling/sampling_logp_difference/max"], 0);
  }
  const auto mean = [&](size_t begin) {
    double sum = 0;
    for (size_t i = begin; i < begin + 5; i++) sum += kl[i] / 5;
    return sum;
  };
  EXPECT_LT(mean(kl.size() - 5), 0.5 * mean(0)) << "from " << mean(0) << " to " << mean(kl.size() - 5);
  // cut off and resumed it is the same run
  run = distill("cut") + KeyValues{{"model", student}, {"distill_method", "on_policy"}};
  ASSERT_TRUE(run_distill_with(run + KeyValues{{"max_steps", "3"}}));
  ASSERT_TRUE(run_distill_with(run + KeyValues{{"max_steps", "6"}}, true));
  ASSERT_TRUE(run_distill_with(distill("through") +
                               KeyValues{{"model", student}, {"distill_method", "on_policy"}, {"max_steps", "6"}}));
  EXPECT_EQ(bytes_of(temporary_ / "cut" / "model" / "model.safetensors"),
            bytes_of(temporary_ / "through" / "model" / "model.safetensors"));
}

TEST_F(Stages, AnotherVocabularyIsAnErrorAndSoAreContradictions) {
  const std::string other = write_tiny_model(temporary_ / "other");
  Json tokenizer = Json::parse(bytes_of(temporary_ / "other" / "tokenizer.json"));
  Json& vocabulary = tokenizer["model"]["vocab"];
  std::string a, b;
  for (const auto& [token, id] : vocabulary.items()) {
    if (id == 60) a = token;
    if (id == 61) b = token;
  }
  vocabulary[a] = 61, vocabulary[b] = 60;
  write_bytes(temporary_ / "other" / "tokenizer.json", tokenizer.dump());
  const auto said = [&](const KeyValues& more) { return error_of([&] { run_distill_with(distill("bad") + more); }); };
  EXPECT_NE(said({{"model", other}, {"distill_method", "on_policy"}}).find("token 60"), std::string::npos);
  EXPECT_NE(said({{"model", model_}, {"student_layers", "1"}}).find("one or the other"), std::string::npos);
  EXPECT_NE(said({}).find("no student"), std::string::npos);
  EXPECT_NE(said({{"model", model_}, {"teacher", ""}}).find("traces"), std::string::npos);
}

}  // namespace
}  // namespace r1
