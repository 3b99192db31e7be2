// A teacher that the test plays itself, on loopback: what r1 reject and r1 distill make of its answers.
#include "train/remote_teacher.h"

#include <gtest/gtest.h>

#include <mutex>

#include "base/test_server.h"
#include "base/threads.h"
#include "train/distill.h"
#include "train/rejection.h"
#include "train/tiny_run.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct Choice {
  std::string thought, said, finish = "stop";
};

ServedReply choices_of(const std::vector<Choice>& choices) {
  Json list = Json::array();
  for (const Choice& c : choices)
    list.push_back({{"message", {{"content", c.said}, {"reasoning_content", c.thought}}}, {"finish_reason", c.finish}});
  return {.body = Json({{"choices", list}, {"usage", {{"completion_tokens", 10 * choices.size()}}}}).dump()};
}

class RemoteTeacherTest : public ::testing::Test {
 protected:
  RemoteTeacherTest() {
    write_bytes(temporary_ / "rows.jsonl",
                "{\"prompt\":\"What is 2+2?\",\"answer\":\"4\"}\n{\"prompt\":\"What is 3+3?\",\"answer\":\"6\"}\n");
  }
  std::string at(const std::string& name) const { return (temporary_ / name).string(); }
  KeyValues keys(const TestServer& server, const std::string& out) const {
    return {{"model", server.url("/v1#big")},
            {"out", at(out)},
            {"data", at("rows.jsonl")},
            {"reward", "math"},
            {"num_generations", "4"},
            {"batch_prompts", "1"},
            {"threads", "1"},
            {"api_requests", "2"},
            {"max_completion_length", "99"},
            {"temperature", "0.25"},
            {"system_prompt", "Be brief."},
            {"chat_template_kwargs", R"({"enable_thinking": true})"}};
  }
  // Right, wrong, right without a summary, cut off.
  static ServedReply four(const std::string& request) {
    const std::string right = request.find("2+2") != std::string::npos ? "4" : "6";
    return choices_of({{"we add the numbers", "The answer is " + right + "."},
                       {"we add the numbers", "The answer is 5."},
                       {"we add the numbers", ""},
                       {"", "The answer is " + right + ".", "length"}});
  }
  TempFolder temporary_;
};

TEST_F(RemoteTeacherTest, ItsAnswersPassTheSameFiltersAndAFailedRunGoesOn) {
  std::mutex mu;
  std::vector<Json> asked;
  bool broken = true;
  TestServer server([&](const std::string& request, int) {
    const std::lock_guard lock(mu);
    asked.push_back(body_of(request));
    if (broken && request.find("3+3") != std::string::npos) return ServedReply{.head = "400 No", .body = "too hot"};
    return four(request);
  });
  const std::string error = error_of([&] { run_reject(make_run<RejectRun>(keys(server, "out"))); });
  EXPECT_NE(error.find("status 400 after 1 try: too hot"), std::string::npos) << error;
  broken = false;
  ASSERT_TRUE(run_reject(make_run<RejectRun>(keys(server, "out"), true)));
  ASSERT_EQ(asked.size(), 3u) << "the first row was not asked again";
  EXPECT_EQ(asked[0]["model"], "big");
  EXPECT_EQ(asked[0]["n"], 4);
  EXPECT_EQ(asked[0]["max_tokens"], 99);
  EXPECT_EQ(asked[0]["temperature"], 0.25);
  EXPECT_EQ(asked[0]["messages"], Json::parse(R"j([{"role":"system","content":"Be brief."},
                                                   {"role":"user","content":"What is 2+2?"}])j"));
  EXPECT_EQ(asked[0]["chat_template_kwargs"].dump(), R"({"enable_thinking":true})");
  EXPECT_NE(asked[0]["seed"], asked[1]["seed"]);
  EXPECT_EQ(asked[1]["seed"], asked[2]["seed"]) << "the seed is the row's";
  const std::vector<Json> rows = json_lines(temporary_ / "out" / "accepted.jsonl");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["prompt"], "What is 2+2?");
  EXPECT_EQ(rows[0]["completion"], "<think>\nwe add the numbers\n</think>\n\nThe answer is 4.");
  EXPECT_EQ(rows[1]["meta"]["tokens"], 10);
  const Json summary = Json::parse(bytes_of(temporary_ / "out" / "summary.json"));
  EXPECT_EQ(summary["reasons"]["wrong"], 2);
  EXPECT_EQ(summary["reasons"]["too_long"], 2);
  EXPECT_EQ(summary["kept"], 2);
  EXPECT_EQ(summary["tokens"], 80);
}

TEST_F(RemoteTeacherTest, PlainPromptsGoToTheOtherRoute) {
  TestServer server([&](const std::string& request, int) {
    EXPECT_EQ(request.find("POST /v1/completions "), 0u);
    EXPECT_EQ(body_of(request)["prompt"].get<std::string>().find("Q: What is "), 0u);
    return ServedReply{.body = R"j({"choices":[{"text":" 4","finish_reason":"stop"}]})j"};
  });
  const KeyValues plain = keys(server, "out") + KeyValues{{"prompt_template", "none"},
                                                          {"prompt_prefix", "Q: "},
                                                          {"system_prompt", ""},
                                                          {"filters", "none"},
                                                          {"num_generations", "1"}};
  ASSERT_TRUE(run_reject(make_run<RejectRun>(plain)));
  EXPECT_EQ(json_lines(temporary_ / "out" / "accepted.jsonl").size(), 1u) << "4 is right once";
}

TEST_F(RemoteTeacherTest, AStudentLearnsWhatItWrote) {
  TestServer server([&](const std::string& request, int) { return four(request); });
  const KeyValues values = {{"teacher", server.url("/v1#big")},
                            {"model", write_tiny_model(temporary_ / "tiny")},
                            {"out", at("student")},
                            {"data", at("rows.jsonl")},
                            {"threads", "1"},
                            {"num_generations", "4"},
                            {"max_steps", "2"},
                            {"per_device_train_batch_size", "4"},
                            {"save_steps", "0"}};
  ASSERT_TRUE(run_distill(make_run<DistillRun>(values)));
  EXPECT_EQ(json_lines(temporary_ / "student" / "traces" / "accepted.jsonl").size(), 2u);
  EXPECT_EQ(json_lines(temporary_ / "student" / "metrics.jsonl").size(), 2u);
}

TEST_F(RemoteTeacherTest, WhatSuchAServerCannotBeAsked) {
  TestServer server([&](const std::string&, int) { return ServedReply{.head = "500 never", .body = {}}; });
  const auto refused = [&](const KeyValues& more) {
    return error_of([&] { run_reject(make_run<RejectRun>(keys(server, "no") + more)); });
  };
  EXPECT_NE(refused({{"top_k", "5"}}).find("top_k"), std::string::npos);
  EXPECT_NE(refused({{"model", "http://u:pw@h/v1"}}).find("environment variable"), std::string::npos);
  EXPECT_NE(refused({{"chat_template", "{{ x }}"}}).find("chat_template"), std::string::npos);
  EXPECT_NE(refused({{"thought_prefill", "<think>"}}).find("thought_prefill"), std::string::npos);
  const KeyValues student = {{"teacher", server.url("/v1")}, {"out", at("no")}, {"data", at("rows.jsonl")}};
  const auto no_student = [&](const KeyValues& more) {
    return error_of([&] { run_distill(make_run<DistillRun>(student + more)); });
  };
  EXPECT_NE(no_student({{"model", "mini"}, {"distill_method", "on_policy"}}).find("log-probs"), std::string::npos);
  EXPECT_NE(no_student({{"student_layers", "1"}}).find("student_config"), std::string::npos);
  EXPECT_EQ(server.requests(), 0);
}

}  // namespace
}  // namespace r1
