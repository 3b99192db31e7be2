// r1 logprobs, generate, chat and doctor.
#include <cmath>
#include <fstream>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

const std::vector<std::string> kSample = {"generate", "--model", golden("qwen3"), "--json", "--prompt-ids", "5,7,9",
                                          "--n",      "3",       "--max-tokens",  "12",     "--seed",       "11"};

std::vector<std::string> and_also(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool is_a_float(const Json& number) {  // its digits give back a float exactly
  const double x = number.get<double>();
  return number.is_number() && static_cast<double>(static_cast<float>(x)) == x;
}

TEST(LogprobsTest, OneFewerThanIds) {
  const Outcome o = r1({"logprobs", "--model", golden("llama-tied"), "--json"},
                       "{\"ids\":[5,7,9,3]}\n{\"ids\":[4]}\n{\"ids\":[]}\n\n{\"ids\":[5,7]}\n");
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.err, "");
  const auto rows = json_lines(o.out);
  ASSERT_EQ(rows.size(), 4u);
  const size_t sizes[] = {3, 0, 0, 1};
  for (size_t i = 0; i < 4; i++) {
    ASSERT_EQ(rows[i].size(), 1u) << rows[i];
    ASSERT_EQ(rows[i]["logprobs"].size(), sizes[i]);
    for (const Json& x : rows[i]["logprobs"]) EXPECT_TRUE(is_a_float(x) && x.get<double>() < 0) << x;
  }
  EXPECT_EQ(rows[0]["logprobs"][0], rows[3]["logprobs"][0]) << "a prefix has the same values";
}

TEST(LogprobsTest, BadLinesAreNamed) {
  const auto ask = [](const std::string& rows) { return r1({"logprobs", "--model", golden("qwen3")}, rows); };
  EXPECT_TRUE(refused(ask("{\"ids\":[5,331]}\n"), 1, "line 1: id 331 is outside the vocabulary of 331"));
  EXPECT_TRUE(refused(ask("{\"text\":\"a\"}\n"), 1, "expected {\"ids\""));
  EXPECT_TRUE(refused(r1({"logprobs", "--model", "nowhere"}), 1, "nowhere"));
}

TEST(GenerateTest, AJsonLineASample) {
  const Outcome o = r1(kSample);
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.err, "");
  const auto rows = json_lines(o.out);
  ASSERT_EQ(rows.size(), 3u);
  for (const Json& row : rows) {
    std::vector<std::string> names;
    for (const auto& [name, value] : row.items()) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"text", "ids", "logprobs", "finish_reason", "prompt_ids"}));
    EXPECT_EQ(row["text"], "") << "no tokenizer, no text";
    EXPECT_EQ(row["prompt_ids"], Json({5, 7, 9}));
    EXPECT_EQ(row["ids"].size(), row["logprobs"].size());
    EXPECT_TRUE(row["finish_reason"] == "length" ? row["ids"].size() == 12 : row["finish_reason"] == "stop") << row;
    for (const Json& x : row["logprobs"]) EXPECT_TRUE(is_a_float(x)) << x;
  }
  EXPECT_NE(rows[0]["ids"], rows[1]["ids"]);
}

TEST(GenerateTest, ItsLogprobsAreThoseOfLogprobsToTheLastBit) {
  const auto rows = json_lines(r1(and_also(kSample, {"--temperature", "0.7"})).out);
  ASSERT_EQ(rows.size(), 3u);
  std::string input;
  for (const Json& row : rows) {
    Json ids = row["prompt_ids"];
    for (const Json& id : row["ids"]) ids.push_back(id);
    input += Json({{"ids", ids}}).dump() + "\n";
  }
  const auto scored = json_lines(r1({"logprobs", "--model", golden("qwen3"), "--json"}, input).out);
  ASSERT_EQ(scored.size(), 3u);
  for (size_t i = 0; i < 3; i++) {
    const Json &all = scored[i]["logprobs"], &sampled = rows[i]["logprobs"];
    ASSERT_EQ(all.size(), 2 + sampled.size());
    for (size_t k = 0; k < sampled.size(); k++) EXPECT_EQ(all[2 + k], sampled[k]) << "sample " << i << " token " << k;
  }
}

TEST(GenerateTest, SameSeedSameBytesWithAnyThreads) {
  const Outcome one = r1(and_also(kSample, {"--threads", "1"}));
  ASSERT_TRUE(done(one));
  EXPECT_EQ(r1(and_also(kSample, {"--threads", "2"})).out, one.out);
  EXPECT_EQ(r1(with_sets(kSample, {"threads=2"})).out, one.out);
  EXPECT_NE(r1(with_sets(kSample, {"seed=12"})).out, one.out) << "another seed, other samples";
}

TEST(GenerateTest, TemperatureZeroIsArgMax) {
  for (const char* name : {"llama-tied", "qwen2"})
    for (const Json& row : Json::parse(read_file(golden(name) + "/greedy.json"))) {
      std::string prompt;
      for (const Json& id : row["prompt"]) prompt += (prompt.empty() ? "" : ",") + id.dump();
      const Outcome o = r1({"generate", "--model", golden(name), "--json", "--prompt-ids", prompt, "--temperature", "0",
                            "--max-tokens", "24", "--set", "compute_dtype=f32"});
      ASSERT_TRUE(done(o));
      const Json ids = json_lines(o.out)[0]["ids"];
      for (size_t i = 0; i < ids.size() && row["margin"][i].get<double>() >= 1e-3; i++)
        ASSERT_EQ(ids[i], row["completion"][i]) << name << " token " << i;
    }
}

TEST(GenerateTest, TextAndChat) {
  const TempFolder t;
  const std::string speck = make_speck(t);
  const Outcome plain = r1({"generate", "--model", speck, "--json", "--prompt", "7 + 8 =", "--max-tokens", "6"});
  ASSERT_TRUE(done(plain));
  EXPECT_EQ(plain.err, "");
  const Json row = json_lines(plain.out).at(0);
  const auto ids_of = [&](const std::string& text) {
    return json_lines(r1({"tokenize", "--model", speck}, Json({{"text", text}}).dump() + "\n").out).at(0)["ids"];
  };
  EXPECT_EQ(row["prompt_ids"], ids_of("7 + 8 ="));
  EXPECT_FALSE(row["text"].get<std::string>().empty());
  const Outcome chat =
      r1({"generate", "--model", speck, "--json", "--prompt", "7 + 8 =", "--chat", "--max-tokens", "6"});
  ASSERT_TRUE(done(chat));
  EXPECT_EQ(json_lines(chat.out).at(0)["prompt_ids"],
            ids_of("<|im_start|>user\n7 + 8 =<|im_end|>\n<|im_start|>assistant\n"));
  const Outcome human = r1({"generate", "--model", speck, "--prompt", "7 + 8 =", "--max-tokens", "6"});
  ASSERT_TRUE(done(human));
  EXPECT_EQ(human.out, row["text"].get<std::string>() + "\n") << "without --json: the text";
}

TEST(GenerateTest, WrongUse) {
  const std::string model = golden("qwen3");
  const auto generate = [&](const std::vector<std::string>& more) {
    return r1(and_also({"generate", "--model", model}, more));
  };
  EXPECT_TRUE(refused(generate({}), 2, "--prompt"));
  EXPECT_TRUE(refused(generate({"--prompt", "a", "--prompt-ids", "5"}), 2, "--prompt"));
  EXPECT_TRUE(refused(generate({"--prompt", "a"}), 1, "--prompt-ids"));
  for (const char* ids : {"", "5,", "5,,6", "a", "5;6", "-1", "99999999999"})
    EXPECT_TRUE(refused(generate({"--prompt-ids", ids}), 2, "--prompt-ids")) << ids;
  EXPECT_TRUE(refused(generate({"--prompt-ids", "331"}), 1, "vocabulary of 331"));
  EXPECT_TRUE(refused(generate({"--prompt-ids", "5", "--chat"}), 2, "--chat"));
  EXPECT_TRUE(refused(generate({"--prompt-ids", "5", "--n", "0"}), 2, "--n"));
  EXPECT_TRUE(refused(generate({"--prompt-ids", "5", "--max-tokens", "0"}), 2, "--max-tokens"));
  EXPECT_TRUE(refused(generate({"--prompt-ids", "5", "--temperature", "-1"}), 2, "--temperature"));
  EXPECT_TRUE(refused(generate({"--prompt-ids", "5", "--top-p", "0"}), 2, "--top-p"));
  EXPECT_TRUE(refused(generate({"--prompt-ids", "5", "--threads", "5000000"}), 2, "threads"));
  EXPECT_TRUE(refused(generate({"--prompt-ids", "5", "--threads", "-1"}), 2, "threads"));
}

TEST(GenerateTest, AFullDiskIsAFailure) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "/dev/full is not there";
  const TempFolder t;
  write_file(t / "run.sh", "exec \"$@\" >/dev/full\n");
  std::string command = std::string("sh '") + (t / "run.sh").string() + "' '" + R1_PROGRAM + "'";
  for (const std::string& word : kSample) command += " '" + word + "'";
  const int status = std::system((command + " 2>'" + (t / "err").string() + "'").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(read_file(t / "err").find("standard output"), std::string::npos);
}

TEST(ChatTest, FromAPipe) {
  const TempFolder t;
  const std::string speck = make_speck(t);
  const std::string chat = std::string("'") + R1_PROGRAM + "' chat --model '" + speck + "' --max-tokens 5";
  const auto out_of = [&](const std::string& lines) {
    const std::string command =
        "printf '" + lines + "' | " + chat + " >'" + (t / "out").string() + "' 2>'" + (t / "err").string() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(read_file(t / "err"), "") << "a pipe gets no prompts";
    return read_file(t / "out");
  };
  const std::string first = out_of("hi\\n"), both = out_of("hi\\nagain\\n");
  EXPECT_TRUE(first.size() > 1 && first.ends_with("\n"));
  EXPECT_TRUE(both.starts_with(first)) << "the same seed, the same first answer";
  EXPECT_GT(both.size(), first.size()) << "a second answer";
  EXPECT_EQ(out_of("hi\\n\\nagain\\n"), first) << "an empty line ends the chat";
  EXPECT_EQ(out_of(""), "");
  EXPECT_TRUE(refused(r1({"chat", "--model", golden("qwen3")}), 1, "no tokenizer"));
}

TEST(DoctorTest, OneObject) {
  const Outcome o = r1({"doctor", "--json", "--set", "threads=1", "--set", "compute_dtype=f32"});
  ASSERT_TRUE(done(o));
  EXPECT_EQ(o.err, "");
  const Json row = json_lines(o.out).at(0);
  EXPECT_EQ(row["threads"], 1);
  EXPECT_EQ(row["compute_dtype"], "f32");
  for (const char* key : {"isa", "matmul", "onednn_batch_invariant"}) EXPECT_TRUE(row.contains(key)) << key;
  EXPECT_TRUE(done(r1({"doctor"})));
}

}  // namespace
}  // namespace r1::e2e
