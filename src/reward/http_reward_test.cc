// A reward server that the test plays itself, on loopback.
#include "reward/http_reward.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "base/http_client.h"
#include "base/openai_client.h"
#include "base/test_server.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::vector<RewardInput> http_inputs(std::initializer_list<std::string> completions) {
  std::vector<RewardInput> out;
  for (const std::string& c : completions) {
    out.emplace_back();
    out.back().prompt = "p ", out.back().completion = c, out.back().row = {{"answer", "42"}};
  }
  return out;
}

TEST(HttpReward, SpeaksAsOpenRlhfDoes) {
  Json seen;
  TestServer server([&](const std::string& request, int) {
    EXPECT_EQ(request.find("POST /get_reward HTTP/1.1\r\n"), 0u);
    EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos);
    EXPECT_NE(request.find("Authorization: Bearer s3cret\r\n"), std::string::npos);
    seen = body_of(request);
    return ServedReply{
        .body = R"j({"rewards":[0.5,-1,null,[2.0]],"scores":[0,1,1,1],"extra_logs":{"len":[1,2,3,4],"x":"y"}})j"};
  });
  setenv("R1_REWARD_TOKEN", "s3cret", 1);
  const auto v = make_reward("openrlhf+" + server.url(), {})->judge(http_inputs({"a", "b", "c", "d\xff"}));
  unsetenv("R1_REWARD_TOKEN");
  EXPECT_EQ(seen["query"], Json({"p a", "p b", "p c", "p d\xEF\xBF\xBD"}));
  EXPECT_EQ(seen["prompts"], Json({"p ", "p ", "p ", "p "}));
  EXPECT_EQ(seen["labels"], Json({"42", "42", "42", "42"}));
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(v[0].score, 0.5) << v[0].reason;
  EXPECT_EQ(v[0].outcome, Outcome::wrong) << "scores say what is right";
  EXPECT_EQ(v[1].outcome, Outcome::correct);
  EXPECT_EQ(v[1].parts.back(), std::pair(std::string("openrlhf/len"), 2.0));
  EXPECT_TRUE(v[2].left_out);
  EXPECT_EQ(v[3].score, 2);
}

TEST(HttpReward, SeveralServersShareACall) {
  const auto answer = [](const std::string& request, int) {
    Json rewards = Json::array();
    const Json query = body_of(request)["query"];
    for (const Json& q : query) rewards.push_back(q.get<std::string>().size());
    return ServedReply{.body = Json({{"rewards", rewards}}).dump()};
  };
  TestServer a(answer), b(answer);
  const auto v =
      make_reward("math*0+openrlhf+" + a.url() + "," + b.url() + "*2", {})->judge(http_inputs({"1", "22", "333"}));
  for (size_t i = 0; i < 3; i++) EXPECT_EQ(v[i].score, 2 * (3 + static_cast<double>(i))) << v[i].reason;
  EXPECT_EQ(a.requests(), 1);
  EXPECT_EQ(b.requests(), 1);
}

TEST(HttpReward, WhatPassesIsTriedAgainAndTheRestFails) {
  TestServer passing([&](const std::string&, int number) {
    if (number == 0) return ServedReply{.head = "", .body = {}};
    if (number == 1) return ServedReply{.head = "503 Busy", .body = {}};
    if (number == 2) return ServedReply{.head = "429 Slow\r\nRetry-After: 1", .body = {}};
    return ServedReply{.body = "{\"rewards\":[1]}"};
  });
  EXPECT_EQ(make_http_reward(passing.url(), 60)->judge(http_inputs({"a"}))[0].score, 1);
  EXPECT_EQ(passing.requests(), 4);
  const std::pair<ServedReply, const char*> faults[] = {
      {{.head = "404 Not Found", .body = "no such model"}, "status 404 after 1 try: no such model"},
      {{.head = "302 Moved\r\nLocation: http://127.0.0.1:1/", .body = {}}, "status 302"},
      {{.body = "[1]"}, "no JSON object"},
      {{.body = "{\"rewards\":[1,"}, "no JSON object"},
      {{.body = "{\"rewards\":[1,2]}"}, "\"rewards\" of 1"},
      {{.body = "{\"scores\":[1]}"}, "\"rewards\" of 1"},
      {{.body = "{\"rewards\":[1e999]}"}, "no JSON object"},
      {{.body = "{\"rewards\":[\"1\"]}"}, "no finite score"}};
  for (const auto& [answer, why] : faults) {
    TestServer server([&, a = answer](const std::string&, int) { return a; });
    const Verdict v = make_http_reward(server.url("/x?key=secret"), 60)->judge(http_inputs({"a"}))[0];
    EXPECT_EQ(v.outcome, Outcome::failed) << why;
    EXPECT_NE(v.reason.find(why), std::string::npos) << v.reason;
    EXPECT_EQ(v.reason.find("secret"), std::string::npos) << v.reason;
    EXPECT_EQ(server.requests(), 1) << why;
  }
}

TEST(HttpReward, ASlowServerIsNoStall) {
  TestServer server(
      [](const std::string&, int) { return ServedReply{.body = "{\"rewards\":[1]}", .after_seconds = 100}; });
  const auto start = std::chrono::steady_clock::now();
  const Verdict v = make_http_reward(server.url(), 1)->judge(http_inputs({"a"}))[0];
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 2);
  EXPECT_EQ(v.outcome, Outcome::failed);
  const Verdict gone = make_http_reward("http://127.0.0.1:1/", 2)->judge(http_inputs({"a"}))[0];
  EXPECT_EQ(gone.outcome, Outcome::failed);
  EXPECT_NE(gone.reason.find("127.0.0.1:1"), std::string::npos) << gone.reason;
}

// All are waited for at the same time, however few the cores are.
TEST(HttpReward, ManySlowServersAreNoStall) {
  const auto slow = [](const std::string&, int) {
    return ServedReply{.body = "{\"rewards\":[1]}", .after_seconds = 100};
  };
  TestServer a(slow), b(slow), c(slow), d(slow), e(slow);
  const auto start = std::chrono::steady_clock::now();
  const auto v = make_http_reward(a.url() + "," + b.url() + "," + c.url() + "," + d.url() + "," + e.url(), 1)
                     ->judge(http_inputs({"1", "2", "3", "4", "5"}));
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 2);
  for (const Verdict& one : v) EXPECT_EQ(one.outcome, Outcome::failed);
}

TEST(HttpClient, ResponsesAreBounded) {
  TestServer server([](const std::string& request, int) {
    return request.starts_with("GET /small") ? ServedReply{.body = "1234"}
                                             : ServedReply{.body = std::string(1 << 20, 'x')};
  });
  HttpClient client({.total_seconds = 20, .most_bytes = 1000});
  EXPECT_EQ(client.send({.url = server.url("/small")}).body, "1234");
  EXPECT_THROW(client.send({.url = server.url("/large")}), Error);
  EXPECT_THROW(client.send({.url = "file:///etc/passwd"}), Error);
  EXPECT_EQ(client.send({.url = server.url("/small")}).body, "1234") << "a client outlives a bad answer";
}

// A chat server's reply with these texts.
ServedReply chat_reply(const std::vector<std::string>& texts, int tokens = 12) {
  Json choices = Json::array();
  for (const std::string& t : texts)
    choices.push_back(
        {{"index", choices.size()}, {"message", {{"role", "assistant"}, {"content", t}}}, {"finish_reason", "stop"}});
  return {.body = Json({{"choices", choices}, {"usage", {{"completion_tokens", tokens}}}}).dump()};
}

OpenAiClient client_of(const TestServer& server, HttpLimits limits = {.total_seconds = 30, .pause_seconds = 0.01}) {
  return {parse_openai_address(server.url("/v1/#m-1")), std::move(limits)};
}

TEST(OpenAiClient, SpeaksBothRoutes) {
  Json seen;
  std::string line;
  TestServer server([&](const std::string& request, int number) {
    seen = body_of(request);
    line = request.substr(0, request.find("\r\n"));
    EXPECT_EQ(request.find("Authorization: Bearer k3y\r\n") != std::string::npos, number == 0);
    if (number == 1) return ServedReply{.body = R"j({"choices":[{"text":" 4","finish_reason":"length"}]})j"};
    return chat_reply({"a", "b"}, 13);
  });
  setenv("R1_TEST_KEY", "k3y", 1);
  const Json messages = Json::array({{{"role", "user"}, {"content", "2+2 \xff"}}});
  OpenAiClient client = client_of(server, {.total_seconds = 30, .token_variable = "R1_TEST_KEY"});
  const auto two = client.sample({.messages = messages, .n = 2, .max_tokens = 7, .seed = 3, .temperature = 0.5});
  EXPECT_EQ(line, "POST /v1/chat/completions HTTP/1.1");
  EXPECT_EQ(seen, Json::parse(R"j({"model":"m-1","messages":[{"role":"user","content":"2+2 \uFFFD"}],"n":2,
      "max_tokens":7,"temperature":0.5,"top_p":1.0,"seed":3,"stream":false})j"));
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[1].text, "b");
  EXPECT_EQ(two[1].tokens, 7) << "half of 13, rounded up";
  EXPECT_FALSE(two[1].truncated);
  unsetenv("R1_TEST_KEY");
  const auto one = client.sample({.prompt = "2+2 ="});
  EXPECT_EQ(line, "POST /v1/completions HTTP/1.1");
  EXPECT_EQ(seen["prompt"], "2+2 =");
  EXPECT_EQ(one[0].text, " 4");
  EXPECT_TRUE(one[0].truncated);
}

TEST(OpenAiClient, AThoughtThatStandsApartComesBackInItsTags) {
  for (const char* name : {"reasoning_content", "reasoning"}) {
    TestServer server([&](const std::string&, int) {
      return ServedReply{.body =
                             Json({{"choices", {{{"message", {{"content", "4"}, {name, "two and two"}}}}}}}).dump()};
    });
    EXPECT_EQ(client_of(server).sample({.messages = Json::array()})[0].text, "<think>\ntwo and two\n</think>\n\n4");
  }
}

TEST(OpenAiClient, AServerThatKnowsNoNIsAskedAgain) {
  std::vector<int64_t> asked, seeds;
  TestServer server([&](const std::string& request, int number) {
    asked.push_back(body_of(request)["n"].get<int64_t>());
    seeds.push_back(body_of(request)["seed"].get<int64_t>());
    return chat_reply({"text " + std::to_string(number)});
  });
  const auto texts = client_of(server).sample({.messages = Json::array(), .n = 3, .seed = 5});
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts[2].text, "text 2");
  EXPECT_EQ(asked, (std::vector<int64_t>{3, 2, 1}));
  EXPECT_EQ(seeds, (std::vector<int64_t>{5, 6, 7}));
}

TEST(OpenAiClient, WhatPassesIsTriedAgainAndTheRestIsAnError) {
  TestServer passing([&](const std::string&, int number) {
    if (number == 0) return ServedReply{.head = "500 Oops", .body = {}};
    if (number == 1) return ServedReply{.head = "429 Slow", .body = {}};
    return chat_reply({"at last"});
  });
  EXPECT_EQ(client_of(passing).sample({.messages = Json::array()})[0].text, "at last");
  EXPECT_EQ(passing.requests(), 3);
  const std::pair<ServedReply, const char*> faults[] = {
      {{.head = "401 No", .body = "bad key"}, "status 401 after 1 try: bad key"},
      {{.body = "[]"}, "no JSON object"},
      {{.body = "{\"choices\":[{"}, "no JSON object"},
      {{.body = "{\"choices\":[]}"}, "no \"choices\""},
      {{.body = "{\"choices\":[7]}"}, "a choice is no JSON object"},
      {{.body = "{\"choices\":[{\"text\":\"x\"}]}"}, "no \"message\""},
      {{.body = "{\"choices\":[{\"message\":{\"content\":null}}]}"}, "no \"content\""},
      {chat_reply({"a", "b"}), "2 choices, 1 were asked for"},
      {{.body = std::string(1 << 20, 'x')}, "more than 100000 bytes"}};
  for (const auto& [answer, why] : faults) {
    TestServer server([&, a = answer](const std::string&, int) { return a; });
    try {
      (void)client_of(server, {.total_seconds = 30, .most_bytes = 100'000}).sample({.messages = Json::array()});
      ADD_FAILURE() << why;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("/v1/chat/completions"), std::string::npos) << e.what();
    }
  }
  TestServer slow([](const std::string&, int) { return ServedReply{.body = "{}", .after_seconds = 100}; });
  EXPECT_THROW((void)client_of(slow, {.total_seconds = 0.3}).sample({.messages = Json::array()}), Error);
}

TEST(OpenAiClient, Addresses) {
  EXPECT_EQ(parse_openai_address("https://h:1/v1/#a/b").url, "https://h:1/v1");
  EXPECT_EQ(parse_openai_address("https://h:1/v1/#a/b").model, "a/b");
  EXPECT_EQ(parse_openai_address("http://h").model, "");
  EXPECT_FALSE(is_openai_address("Qwen/Qwen2.5"));
  for (const char* bad : {"ftp://h/v1#m", "http://", "http:///v1", "http://:80/v1", "http://h/v1?key=s3cret#m",
                          "http://user:s3cret@h/v1", "http://h/v 1"})
    try {
      (void)parse_openai_address(bad);
      ADD_FAILURE() << bad;
    } catch (const UsageError& e) {
      EXPECT_EQ(std::string(e.what()).find("s3cret"), std::string::npos) << e.what();
    }
}

TEST(JudgeReward, SaysWhatAJudgeSaysAndFailsOtherwise) {
  const std::pair<std::string, Outcome> replies[] = {
      {R"({"analysis":"the same","verdict":"correct"})", Outcome::correct},
      {"<think>hm {} </think>\n```json\n{\"analysis\":\"\",\"verdict\":\"incorrect\"}\n```", Outcome::wrong},
      {R"({"analysis":"the same","verdict":"Correct"})", Outcome::failed},
      {R"({"verdict":"correct"})", Outcome::failed},
      {R"({"analysis":"x","verdict":"correct","score":1})", Outcome::failed},
      {R"(It is {"analysis":"x","verdict":"correct"})", Outcome::failed},
      {R"({"analysis":"x","verdict":"correct"}{"analysis":"x","verdict":"incorrect"})", Outcome::failed},
      {"correct", Outcome::failed}};
  for (const auto& [reply, outcome] : replies) {
    Json seen;
    TestServer server([&, r = reply](const std::string& request, int) {
      seen = body_of(request);
      return chat_reply({r});
    });
    auto inputs = http_inputs({"<think>six times seven</think> 42."});
    inputs[0].row = {{"question", "6*7?"}, {"answer", "forty-two"}};
    const Verdict v = make_reward("judge:" + server.url("/v1#judge") + "*2", {})->judge(inputs)[0];
    EXPECT_EQ(v.outcome, outcome) << reply << ": " << v.reason;
    EXPECT_EQ(v.score, outcome == Outcome::correct ? 2 : 0);
    EXPECT_EQ(seen["model"], "judge");
    EXPECT_EQ(seen["temperature"], 0.0);
    const std::string asked = seen["messages"][0]["content"].get<std::string>();
    for (const char* part : {"6*7?", "forty-two", "42."}) EXPECT_NE(asked.find(part), std::string::npos) << part;
    EXPECT_EQ(asked.find("six times"), std::string::npos) << "a thought is not what is judged";
  }
}

TEST(JudgeReward, WhatIsNotAsked) {
  TestServer server([](const std::string&, int) { return ServedReply{.head = "404 No", .body = "no such model"}; });
  const auto judge = make_reward("judge:" + server.url("/v1#m"), {});
  auto inputs = http_inputs({"<think>only a thought</think>", "x", "y"});
  inputs[1].row = {{"question", "q"}};
  const auto v = judge->judge(inputs);
  EXPECT_EQ(v[0].outcome, Outcome::no_answer);
  EXPECT_EQ(v[1].outcome, Outcome::failed);
  EXPECT_NE(v[1].reason.find("no reference"), std::string::npos) << v[1].reason;
  EXPECT_EQ(v[2].outcome, Outcome::failed);
  EXPECT_NE(v[2].reason.find("status 404"), std::string::npos) << v[2].reason;
  EXPECT_EQ(server.requests(), 1);
  EXPECT_THROW(make_reward("judge:h/v1", {}), UsageError);
}

TEST(JudgeReward, ASlowJudgeIsNoStall) {
  TestServer server([](const std::string&, int) { return ServedReply{.body = "{}", .after_seconds = 100}; });
  RewardOptions options;
  options.timeout_seconds = 1;
  const std::vector<RewardInput> inputs(24, http_inputs({"x"})[0]);
  const auto start = std::chrono::steady_clock::now();
  for (const Verdict& v : make_reward("judge:" + server.url("/v1#m"), options)->judge(inputs))
    EXPECT_EQ(v.outcome, Outcome::failed);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 4);
}

}  // namespace
}  // namespace r1
