// r1 data inspect, config and completion, as anyone calls them.
#include <algorithm>

#include "tests/e2e/program.h"

namespace r1::e2e {
namespace {

TEST(DataInspectTest, ShowsTheFormatAndWhatIsLearned) {
  const TempFolder folder;
  const std::string model = make_speck(folder), file = (folder / "chat.jsonl").string();
  write_file(file, R"({"conversations":[{"from":"human","value":"2+2?"},{"from":"gpt","value":"4"}],"id":7})"
                   "\n");
  const Outcome o = r1({"data", "inspect", file, "--model", model, "--json"});
  ASSERT_TRUE(done(o));
  const std::vector<Json> lines = json_lines(o.out);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["format"], "conversations");
  EXPECT_EQ(lines[0]["shape"], "messages");
  EXPECT_EQ(lines[0]["stage"], "sft");
  EXPECT_EQ(lines[0]["rows"], 1);
  EXPECT_EQ(lines[0]["columns"]["id"]["types"]["number"], 1);
  EXPECT_EQ(lines[1]["line"], 1);
  EXPECT_EQ(lines[1]["text"], "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>\n");
  const std::vector<int> mask = lines[1]["mask"];
  EXPECT_EQ(mask.size(), lines[1]["ids"].size());
  std::string learned;
  for (const Json& piece : lines[1]["pieces"])
    if (piece["learned"] == true) learned += piece["text"].get<std::string>();
  EXPECT_TRUE(learned.starts_with("4<|im_end|>")) << learned;
  EXPECT_EQ(lines[0]["lengths"]["learned_tokens"]["max"], std::count(mask.begin(), mask.end(), 1));

  const Outcome asked = r1({"data", "inspect", file, "--model", model, "--json", "--stage", "grpo"});
  ASSERT_TRUE(done(asked));
  EXPECT_EQ(json_lines(asked.out)[1]["text"], "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n");
  const Outcome plain = r1({"data", "inspect", file});
  ASSERT_TRUE(done(plain));
  EXPECT_NE(plain.out.find("assistant: «4»"), std::string::npos) << plain.out;
  const Outcome colour = r1({"data", "inspect", file, "--color", "always"});
  EXPECT_NE(colour.out.find("\x1b[32m4\x1b[0m"), std::string::npos) << colour.out;
}

TEST(DataInspectTest, BadRowsAndWhatSteersATerminal) {
  const TempFolder folder;
  const std::string file = (folder / "f.csv").string();
  write_file(file, "prompt,answer\n\"\x1b[2J?\",1\nonly\n");
  EXPECT_TRUE(refused(r1({"data", "inspect", file}), 1, "line 3 (byte 24): 1 fields, the header has 2"));
  const Outcome o = r1({"data", "inspect", file, "--set", "max_bad_rows=1"});
  EXPECT_EQ(o.code, 0);
  EXPECT_NE(o.out.find("1 bad rows left out"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("\\x1b[2J?"), std::string::npos) << o.out;
  EXPECT_EQ(o.out.find('\x1b'), std::string::npos);
  EXPECT_NE(o.err.find("this row is left out"), std::string::npos) << o.err;
}

TEST(DataInspectTest, TrainersRefuseWhatTheyCannotUse) {
  const TempFolder folder;
  const std::string model = make_speck(folder), file = (folder / "f.jsonl").string(), out = (folder / "run").string();
  write_file(file, R"({"prompt":"q","chosen":"a","rejected":"b"})");
  EXPECT_TRUE(refused(r1({"sft", "--model", model, "--data", file, "--out", out}), 1, "it holds preference pairs"));
  EXPECT_TRUE(done(r1({"data", "inspect", file})));
  write_file(file, R"({"text":"a text without a question"})");
  EXPECT_TRUE(refused(r1({"grpo", "--model", model, "--data", file, "--out", out}), 1, "r1 grpo needs prompts"));
  EXPECT_TRUE(refused(r1({"eval", "--model", model, "--data", file}), 1, "r1 eval needs prompts"));
}

TEST(ConfigTest, ShowsWhereKeysComeFrom) {
  const TempFolder folder;
  const std::string file = (folder / "r.toml").string();
  write_file(file, "# head\npreset = \"dapo\"\nlearning_rate = 2e-6\nmodel_name_or_path = \"m\"\n");
  const Outcome o = r1({"config", "show", file, "--origin", "--json", "--set", "beta=0.5"});
  ASSERT_TRUE(done(o));
  std::map<std::string, std::pair<std::string, std::string>> keys;
  for (const Json& line : json_lines(o.out)) keys[line["key"]] = {line["value"], line["origin"]};
  using Pair = std::pair<std::string, std::string>;
  EXPECT_EQ(keys["learning_rate"], Pair("2e-06", file + ":3"));
  EXPECT_EQ(keys["model"], Pair("\"m\"", file + ":4"));
  EXPECT_EQ(keys["beta"], Pair("0.5", "--set"));
  EXPECT_EQ(keys["epsilon_high"], Pair("0.28", "preset dapo"));
  EXPECT_EQ(keys["seed"], Pair("42", "default"));
  const Outcome text = r1({"config", "show", file, "--origin"});
  EXPECT_NE(text.out.find("# preset dapo\n"), std::string::npos);
  const std::string both = (folder / "p.toml").string();
  write_file(both, "seed = 7\n[sft]\nmax_length = 9\n[second]\nstage = \"grpo\"\nbeta = 0.1\n");
  const Outcome pipeline = r1({"config", "show", both, "--origin", "--set", "second.epsilon=0.3"});
  ASSERT_TRUE(done(pipeline));
  for (const std::string part : {"[sft] # sft\n", "[second] # grpo\n", "p.toml:3\n", "p.toml:6\n", "p.toml:1\n"})
    EXPECT_NE(pipeline.out.find(part), std::string::npos) << part;
  EXPECT_NE(pipeline.out.find("epsilon = 0.3"), std::string::npos);
  EXPECT_TRUE(refused(r1({"config", "show", file, "--set", "bta=1"}), 2, "nearest is \"beta\""));
}

// Every recipe that ships, and so every kind of stage; a key that no stage has is named.
TEST(ConfigTest, ShowsEveryKindOfStage) {
  size_t shown = 0;
  for (const auto& file : fs::directory_iterator(std::string(R1_SOURCE_DIR) + "/recipes"))
    if (file.path().extension() == ".toml") {
      EXPECT_TRUE(done(r1({"config", "show", file.path().string(), "--origin"}))) << file.path();
      shown++;
    }
  EXPECT_GT(shown, 5u);
  const TempFolder folder;
  const std::string file = (folder / "p.toml").string();
  write_file(file, "model = \"m\"\npipeline_eval_rows = 9\n[sft]\ndata = \"d\"\n[gather]\nstage = \"reject\"\n");
  const Outcome o = r1({"config", "show", file, "--json", "--set", "data=e"});
  ASSERT_TRUE(done(o));
  std::map<std::string, std::pair<std::string, std::string>> keys;
  for (const Json& line : json_lines(o.out))
    keys[line["stage"].get<std::string>() + "." + line["key"].get<std::string>()] = {line["value"], line["origin"]};
  using Pair = std::pair<std::string, std::string>;
  EXPECT_EQ(keys["sft.model"], Pair("\"m\"", file + ":1"));
  EXPECT_EQ(keys["sft.data"], Pair("\"d\"", file + ":4"));
  EXPECT_EQ(keys["sft.pipeline_eval_rows"], Pair("9", file + ":2"));
  EXPECT_EQ(keys["gather.model"], Pair("\"{sft.model}\"", "made by [sft]"));
  EXPECT_EQ(keys["gather.data"], Pair("\"e\"", "--set"));
  EXPECT_EQ(keys["gather.batch_prompts"].second, "default");
  EXPECT_TRUE(refused(r1({"config", "show", file, "--set", "learning_rat=1"}), 2, "nearest is \"learning_rate\""));
  EXPECT_TRUE(refused(r1({"config", "show", file, "--set", "sfft.seed=1"}), 2, "nearest is \"sft\""));
}

TEST(ConfigTest, ImportsARecipeAndTheTrainerTakesIt) {
  const TempFolder folder;
  const std::string yaml = (folder / "r.yaml").string(), toml = (folder / "r.toml").string();
  write_file(yaml,
             "model_name_or_path: m\nbf16: true\nnum_generations: 4\nreward_funcs:\n- accuracy\n- nothing_known\n");
  const Outcome o = r1({"config", "import", yaml, "--out", toml, "--json"});
  ASSERT_TRUE(done(o));
  const Json line = json_lines(o.out).at(0);
  EXPECT_EQ(line["kind"], "grpo");
  EXPECT_EQ(line["mapped"][0]["to"], "model");
  EXPECT_EQ(line["ignored"][0]["key"], "bf16");
  EXPECT_EQ(line["impossible"][0]["value"], "nothing_known");
  EXPECT_EQ(line["recipe"], read_file(toml));
  EXPECT_TRUE(done(r1({"config", "show", toml})));
  EXPECT_TRUE(refused(r1({"grpo", toml, "--out", (folder / "run").string(), "--model", make_speck(folder), "--data",
                          "tasks:arithmetic"}),
                      2, "unknown reward \"nothing_known\""));
  const std::string other = (folder / "other.toml").string();
  EXPECT_EQ(r1({"config", "import", yaml, "--out", other, "--strict"}).code, 1);
  EXPECT_FALSE(fs::exists(other));
  const Outcome printed = r1({"config", "import", yaml});
  EXPECT_EQ(printed.code, 0);
  EXPECT_NE(printed.out.find("num_generations = 4 # num_generations, line 3"), std::string::npos) << printed.out;
  EXPECT_NE(printed.err.find("1 impossible"), std::string::npos) << printed.err;
  write_file(yaml, "a: [1\n");
  EXPECT_TRUE(refused(r1({"config", "import", yaml}), 2, "r.yaml: line"));
}

TEST(ConfigTest, PresetsAreTheFilesOneCanRead) {
  for (const auto& file : fs::directory_iterator(std::string(R1_SOURCE_DIR) + "/recipes/presets")) {
    const Outcome o =
        r1({"config", "preset", file.path().stem().string() == "trl-1" ? "trl-1.10" : file.path().stem().string()});
    ASSERT_TRUE(done(o));
    EXPECT_EQ(o.out, read_file(file.path()));
  }
  EXPECT_TRUE(refused(r1({"config", "preset", "dap"}), 2, "expected none, dapo"));
}

// The scripts run in the shells that are installed; each completes what the program lists.
TEST(CompletionTest, BashCompletesVerbsFlagsAndKeys) {
  const TempFolder folder;
  const Outcome script = r1({"completion", "bash"});
  ASSERT_TRUE(done(script));
  write_file(folder / "r1.bash", script.out);
  const auto complete = [&](const std::string& words, int at) {
    const std::string out = (folder / "out").string();
    const std::string ask = "compopt() { :; }; source " + (folder / "r1.bash").string() + "; COMP_WORDS=(" + words +
                            "); COMP_CWORD=" + std::to_string(at) + "; _r1; printf '%s\\n' \"${COMPREPLY[@]}\"";
    write_file(folder / "ask.bash", ask);
    EXPECT_EQ(std::system(("bash " + (folder / "ask.bash").string() + " > " + out).c_str()), 0);
    return read_file(out);
  };
  EXPECT_EQ(complete("r1 gr", 1), "grpo\n");
  EXPECT_EQ(complete("r1 config ''", 2), "show\nimport\npreset\n");
  EXPECT_EQ(complete("r1 grpo --re", 2), "--resume\n--reward\n");
  EXPECT_EQ(complete("r1 grpo --set learning_", 3), "learning_rate=\n");
  EXPECT_EQ(complete("r1 bench --shape --sh", 3), "--shape\n");
  EXPECT_EQ(complete("r1 template --he", 2), "--help\n");
  EXPECT_EQ(complete("r1 completion ''", 2), "bash\nzsh\nfish\n");
  EXPECT_EQ(complete("r1 data inspect --stage ''", 4), "auto\nsft\ngrpo\n");
  EXPECT_EQ(complete("r1 config preset da", 3), "dapo\n");
  EXPECT_EQ(complete("r1 config show --set num_gener", 4), "num_generations=\n");
  EXPECT_EQ(complete("r1 run --set pipeline_eval_rew", 3), "pipeline_eval_reward=\n");
  // an empty path without quotes is no argument to fish's test: no verb was completed
  EXPECT_NE(r1({"completion", "fish"}).out.find("test \"$at\" = \"$argv\""), std::string::npos);
  for (const char* shell : {"zsh", "fish"})
    EXPECT_NE(r1({"completion", shell}).out.find("learning_rate"), std::string::npos) << shell;
  EXPECT_TRUE(refused(r1({"completion", "tcsh"}), 2, "tcsh"));
}

}  // namespace
}  // namespace r1::e2e
